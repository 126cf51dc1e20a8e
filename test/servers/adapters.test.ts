import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { Client as ElasticsearchClient8 } from 'elasticsearch-8';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { elasticsearchAdapter } from '../../adapters/elasticsearch/index.ts';
import { opensearchAdapter } from '../../adapters/opensearch/index.ts';
import { withElasticsearchReranking, withOpenSearchReranking } from '../../plugin/middleware/index.ts';
import { rescoringStage } from '../../plugin/stage/index.ts';
import { adapterSuite, fakeReranker } from '../../plugin/testing/index.ts';
import { describeServers } from '../support/servers/describe-servers.ts';
import type { ServerChoice } from '../support/servers/start.ts';
import { suiteServer } from '../support/servers/suite-server.ts';
import {
  endToEndSuite,
  type FirstStagesSubject,
  firstStagesIndex,
  firstStagesSuite,
  indexFirstStages,
  type Page,
} from '../support/suites/first-stages-suite.ts';
import {
  elasticsearchMiddlewareSuite,
  opensearchMiddlewareSuite,
} from '../support/suites/middleware-suite.ts';
import { elasticsearchSubject, openSearchSubject } from '../support/suites/suite-subjects.ts';

describeServers('%s', (choice) => {
  const url = suiteServer(choice);
  if (choice.product === 'opensearch') describeOpenSearch(url);
  else describeElasticsearch(url, choice);
});

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

  describe('other first stages', () => {
    let client: OpenSearchClient;
    beforeAll(async () => {
      client = open();
      await indexFirstStages(url(), openSearchVector, { 'index.knn': true });
    });
    afterAll(() => client?.close());
    const subject = (): FirstStagesSubject => openSearchFirstStages(client);
    firstStagesSuite(subject);
    describe('end to end with the shipped model', () => endToEndSuite(subject));
    // Neural-search needs ML Commons, 390 MB to download: only where OPENSEARCH_ML=1 asks for them.
    it.skipIf(process.env['OPENSEARCH_ML'] !== '1')('reranks what a hybrid query found', async () => {
      const { plain, staged } = subject();
      const body = hybridBody('studies');
      const before = await plain(body);
      const reranker = fakeReranker({ logit: (_candidate, _query, index) => index });
      const after = await staged(body, reranker);
      expect(reranker.calls[0]).toMatchObject({ query: { text: 'studies' }, firstStage: 'hybrid' });
      expect(after.hits.hits.map(({ _id }) => _id)).toEqual(before.hits.hits.map(({ _id }) => _id).reverse());
    });
  });

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

  describe('other first stages', () => {
    let client: ElasticsearchClient;
    beforeAll(async () => {
      client = open();
      await indexFirstStages(url(), elasticsearchVector, {});
    });
    afterAll(() => client?.close());
    const subject = (): FirstStagesSubject => elasticsearchFirstStages(client);
    firstStagesSuite(subject);
    describe('end to end with the shipped model', () => endToEndSuite(subject));

    it('reranks what a retriever found by vector', async () => {
      const { plain, staged } = subject();
      const body = { retriever: { knn: elasticsearchKnn }, size };
      const before = await plain(body);
      const reranker = fakeReranker({ logit: (_candidate, _query, index) => index });
      const after = await staged(body, reranker, { queryText: 'stars' });
      expect(after.hits.hits.map(({ _id }) => _id)).toEqual(before.hits.hits.map(({ _id }) => _id).reverse());
    });
  });

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

const vector = [1, 0, 0, 1];
/** As many as there are documents. */
const size = 8;
const byWords = { match: { body: 'studies' } };

const openSearchVector = {
  type: 'knn_vector',
  dimension: vector.length,
  // The default engine's native library is not in the published package.
  method: { name: 'hnsw', engine: 'lucene', space_type: 'cosinesimil' },
};

/** Words and neighbours, their scores normalised and averaged by a pipeline of the request's own. */
function hybridBody(words: string): object {
  const normalisation = {
    normalization: { technique: 'min_max' },
    combination: { technique: 'arithmetic_mean' },
  };
  return {
    query: { hybrid: { queries: [{ match: { body: words } }, { knn: { vector: { vector, k: size } } }] } },
    size,
    search_pipeline: { phase_results_processors: [{ 'normalization-processor': normalisation }] },
  };
}

function openSearchFirstStages(client: OpenSearchClient): FirstStagesSubject {
  const index = firstStagesIndex;
  const knn = { knn: { vector: { vector, k: size } } };
  const fields = ['body'];
  return {
    byVector: { query: knn, size },
    byBoth: { query: { bool: { should: [byWords, knn] } }, size: 10 },
    plain: async (body) => (await client.search({ index, body })).body as unknown as Page,
    async staged(body, reranker, { highlight = false, ...options } = {}) {
      const adapter = opensearchAdapter({ client, fields, highlight });
      const stage = rescoringStage({ adapter, reranker });
      return (await stage.search({ index, body }, options)) as unknown as Page;
    },
    async wrapped(body, reranker) {
      const reranking = withOpenSearchReranking(client, { reranker, fields, indices: [index] });
      return (await reranking.search({ index, body })).body as unknown as Page;
    },
  };
}

const elasticsearchVector = { type: 'dense_vector', dims: vector.length, index: true, similarity: 'cosine' };
const elasticsearchKnn = { field: 'vector', query_vector: vector, k: size, num_candidates: 20 };

function elasticsearchFirstStages(client: ElasticsearchClient): FirstStagesSubject {
  const index = firstStagesIndex;
  const fields = ['body'];
  return {
    byVector: { knn: elasticsearchKnn, size },
    byBoth: { query: byWords, knn: elasticsearchKnn, size: 10 },
    plain: async (body) => (await client.search({ index, ...body })) as unknown as Page,
    async staged(body, reranker, { highlight = false, ...options } = {}) {
      const adapter = elasticsearchAdapter({ client, fields, highlight });
      const stage = rescoringStage({ adapter, reranker });
      return (await stage.search({ index, ...body }, options)) as unknown as Page;
    },
    async wrapped(body, reranker) {
      const reranking = withElasticsearchReranking(client, { reranker, fields, indices: [index] });
      return (await reranking.search({ index, ...body })) as unknown as Page;
    },
  };
}
