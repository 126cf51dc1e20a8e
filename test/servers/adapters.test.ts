import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { Client as ElasticsearchClient8 } from 'elasticsearch-8';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rescoringStage } from '../../plugin/stage/index.ts';
import { adapterSuite, fakeReranker } from '../../plugin/testing/index.ts';
import { elasticsearchMiddlewareSuite, opensearchMiddlewareSuite } from '../support/middleware-suite.ts';
import {
  missingFor,
  type RunningServer,
  type ServerChoice,
  servers,
  startServer,
} from '../support/servers/start.ts';
import { elasticsearchSubject, indexSuiteDocuments, openSearchSubject } from '../support/suite-subjects.ts';

for (const choice of servers) {
  const missing = missingFor(choice);
  const name = `${choice.product} ${choice.version}`;
  if (missing) console.log(`Skipping ${name}: ${missing}.`);
  describe.skipIf(missing)(name, () => {
    let server: RunningServer;
    beforeAll(async () => {
      server = await startServer(choice);
      await indexSuiteDocuments(server.url, 'suite');
    });
    afterAll(() => server?.close());
    if (choice.product === 'opensearch') describeOpenSearch(() => server.url);
    else describeElasticsearch(() => server.url, choice);
  });
}

function describeOpenSearch(url: () => string): void {
  const open = (): OpenSearchClient => new OpenSearchClient({ node: url() });
  adapterSuite({
    name: 'client 3',
    open: () => {
      const client = open();
      return { ...openSearchSubject(client, 'suite'), close: () => client.close() };
    },
  });

  describe('reranking inside the client', () => opensearchMiddlewareSuite(open, 'suite'));

  it('brings aggregations, and a point in time through a reranked search', async () => {
    const client = open();
    const { adapter } = openSearchSubject(client, 'suite');
    const stage = rescoringStage({ adapter, reranker: fakeReranker() });
    const pit = await client.createPit({ index: ['suite'], keep_alive: '1m' });
    const response = await stage.search(
      {
        body: {
          query: { match_all: {} },
          size: 2,
          aggs: { years: { terms: { field: 'year' } } },
          pit: { id: pit.body.pit_id!, keep_alive: '1m' },
        },
      },
      { queryText: 'anything' },
    );
    expect(response['aggregations']).toBeDefined();
    expect(response.hits.hits).toHaveLength(2);
    expect(response.blockrank).toMatchObject({ reranked: true });
    await client.deletePit({ body: { pit_id: [pit.body.pit_id!] } });
    await stage.close();
    await client.close();
  });
}

function describeElasticsearch(url: () => string, { version }: ServerChoice): void {
  const asVersion8 = {
    accept: 'application/vnd.elasticsearch+json; compatible-with=8',
    'content-type': 'application/vnd.elasticsearch+json; compatible-with=8',
  };
  const isVersion8 = version.startsWith('8.');
  const open = (): ElasticsearchClient =>
    new ElasticsearchClient({ node: url(), ...(isVersion8 ? { headers: asVersion8 } : {}) });
  adapterSuite({
    name: 'client 9',
    open: () => {
      const client = open();
      return { ...elasticsearchSubject(client, 'suite'), close: () => client.close() };
    },
  });
  adapterSuite({
    name: 'client 8',
    open: () => {
      const client = new ElasticsearchClient8({ node: url() });
      return { ...elasticsearchSubject(client as never, 'suite'), close: () => client.close() };
    },
  });

  describe('reranking inside the client', () => elasticsearchMiddlewareSuite(open, 'suite'));

  it('brings aggregations, a point in time and collapse through a reranked search', async () => {
    const client = open();
    const { adapter } = elasticsearchSubject(client, 'suite');
    const stage = rescoringStage({ adapter, reranker: fakeReranker() });
    const pit = await client.openPointInTime({ index: 'suite', keep_alive: '1m' });
    const response = await stage.search(
      {
        query: { match_all: {} },
        size: 2,
        aggs: { years: { terms: { field: 'year' } } },
        collapse: { field: 'year' },
        pit: { id: pit.id, keep_alive: '1m' },
      },
      { queryText: 'anything' },
    );
    expect(response['aggregations']).toBeDefined();
    expect(response.hits.hits).toHaveLength(2);
    expect(response.blockrank).toMatchObject({ reranked: true });
    await client.closePointInTime({ id: pit.id });
    await stage.close();
    await client.close();
  });

  it('reranks what a retriever found by words', async () => {
    const client = open();
    const { adapter } = elasticsearchSubject(client, 'suite');
    const stage = rescoringStage({ adapter, reranker: fakeReranker() });
    const query = { multi_match: { query: 'stars', fields: ['title', 'body'] } };
    const plain = await client.search({ index: 'suite', retriever: { standard: { query } }, size: 100 });
    const response = await stage.search({ index: 'suite', retriever: { standard: { query } }, size: 100 });
    expect(response.blockrank).toMatchObject({ reranked: plain.hits.hits.length > 0 });
    expect(response.hits.hits.map(({ _id }) => _id).sort()).toEqual(
      plain.hits.hits.map(({ _id }) => _id).sort(),
    );
    await stage.close();
    await client.close();
  });
}
