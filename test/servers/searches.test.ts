/** What becomes of a search, where the server decides it. */
import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OutcomeMark } from '../../adapters/adapter.ts';
import { elasticsearchAdapter } from '../../adapters/elasticsearch/index.ts';
import { opensearchAdapter } from '../../adapters/opensearch/index.ts';
import { wordsOfQuery } from '../../adapters/search-body/query-syntax.ts';
import { rescoringStage } from '../../plugin/stage/index.ts';
import { fakeReranker } from '../../plugin/testing/index.ts';
import { describeServers } from '../support/servers/describe-servers.ts';
import { type RunningServer, type ServerChoice, startServer } from '../support/servers/start.ts';

const index = 'searches';
const documents = 60;
const colors = ['red', 'blue', 'green'];

interface Answer {
  readonly hits: {
    readonly total?: unknown;
    readonly hits: readonly {
      readonly _id?: string;
      readonly _source?: unknown;
      readonly inner_hits?: unknown;
    }[];
  };
  readonly aggregations?: unknown;
  readonly blockrank?: OutcomeMark;
}

type Body = Readonly<Record<string, unknown>>;

/** The same search alone, and through the stage. */
interface Searches {
  plain(body: Body): Promise<Answer>;
  staged(body: Body, fields?: readonly string[]): Promise<Answer & { readonly blockrank: OutcomeMark }>;
  /** The `k` nearest of the first document. */
  byVector(k: number): Body;
}

describeServers('what becomes of a search on %s', (choice) => {
  let server: RunningServer | undefined;
  let searches: Searches;
  const isOpen = choice.product === 'opensearch';
  beforeAll(async () => {
    server = await startServer(choice);
    await fill(server.url, isOpen);
    searches = isOpen ? openSearches(server.url) : elasticSearches(server.url, choice);
  });
  afterAll(() => server?.close());

  const counts = { colors: { terms: { field: 'color' } } };
  const members = { name: 'more', size: 5, _source: false };

  describe('by vector', () => {
    it.each([
      ['facets', { aggs: counts }],
      ['post_filter', { post_filter: { term: { color: 'red' } } }],
      ['terminate_after', { terminate_after: 3 }],
      ['collapsed groups with members', { collapse: { field: 'color', inner_hits: members } }],
    ])('keeps total, facets and hits as the request has them with %s', async (_what, part) => {
      const body = { size: 5, ...searches.byVector(5), ...part };
      const before = await searches.plain(body);
      const after = await searches.staged(body);
      expect(after.blockrank).toMatchObject({ reranked: true });
      expect(after.blockrank.warnings?.map(({ code }) => code)).toContain('neighbours-left');
      expect(after.hits.total).toEqual(before.hits.total);
      expect(after.aggregations).toEqual(before.aggregations);
      expect(innerById(after)).toEqual(innerById(before));
    });

    it('says that the total counts the window where k is raised, which it then does', async () => {
      const after = await searches.staged({ size: 5, ...searches.byVector(5) });
      expect(after.hits.total).toEqual({ value: documents, relation: 'eq' });
      expect(after.blockrank.warnings?.map(({ code }) => code)).toEqual(['neighbours-counted']);
      expect(after.hits.hits).toHaveLength(5);
    });
  });

  it('keeps total, facets and what is filtered afterwards of a search by words', async () => {
    const body = { size: 5, query: words, aggs: counts, post_filter: { term: { color: 'red' } } };
    const before = await searches.plain(body);
    const after = await searches.staged(body);
    expect(after.hits.total).toEqual(before.hits.total);
    expect(after.aggregations).toEqual(before.aggregations);
    expect(after.blockrank).toMatchObject({ reranked: true });
    expect(after.blockrank.warnings).toBeUndefined();
  });

  it.each([['_none_'], [['_none_']]])(
    'gives hits without any field as the server does: %j',
    async (stored) => {
      const body = { size: 5, query: words, stored_fields: stored };
      const after = await searches.staged(body);
      expect(after.blockrank).toMatchObject({ reranked: false, reason: 'unsupported-request' });
      expect(after.hits.hits).toEqual((await searches.plain(body)).hits.hits);
    },
  );

  const switchedOff: readonly (readonly [string, Body])[] = [
    ['stored fields', { stored_fields: ['color'] }],
    ['no stored field', { stored_fields: [] }],
    ['fields alone', { fields: ['color'], _source: false }],
    // The published Elasticsearch has no language for scripts.
    ...(isOpen ? [['what a script makes', { script_fields: { one: { script: '1' } } }] as const] : []),
  ];
  it.each(switchedOff)(
    'reads the texts beside %s, and gives back no more than was asked for',
    async (_what, part) => {
      const body = { size: 5, query: words, ...part };
      const after = await searches.staged(body);
      expect(after.blockrank).toMatchObject({ reranked: true });
      expect(after.blockrank.warnings).toBeUndefined();
      for (const hit of after.hits.hits) expect(hit).not.toHaveProperty('_source');
    },
  );

  it('says that no hit has text in an alias or a multi-field, unless the search brings it', async () => {
    for (const field of ['headline', 'title.raw', 'title^3', 'tit*', 'titel']) {
      const { blockrank } = await searches.staged({ size: 5, query: words }, [field]);
      expect(blockrank).toMatchObject({ reranked: false, reason: 'no-document-text' });
    }
    for (const field of ['headline', 'title.raw']) {
      const { blockrank } = await searches.staged({ size: 5, query: words, fields: [field] }, [field]);
      expect(blockrank).toMatchObject({ reranked: true });
    }
  });

  it('reads query strings as the server does: what it takes for no word finds nothing by it', async () => {
    const found = async (query: string): Promise<number> => {
      const { hits } = await searches.plain({ size: 0, query: { query_string: { query } } });
      return (hits.total as { readonly value: number }).value;
    };
    // Everything, or nothing: nobody asked for a word.
    for (const [query, total] of [
      ['*', documents],
      ['*:*', documents],
      ['_exists_:title', documents],
      ['-chair', 0],
      ['age:>10', 0],
      ['""', 0],
    ] as const) {
      expect(await found(query)).toBe(total);
      expect(wordsOfQuery(query, { syntax: 'query_string' })).toBeUndefined();
      const after = await searches.staged({ size: 5, query: { query_string: { query } } });
      expect(after.blockrank).toMatchObject({ reranked: false, reason: 'no-query-text' });
    }
    expect(await found('title:chair AND -color:red')).toBe((documents * 2) / 3);
    expect(wordsOfQuery('title:chair AND -color:red', { syntax: 'query_string' })).toBe('chair');
  });
});

const words = { match: { title: 'chair' } };

function innerById({ hits }: Answer): unknown {
  return Object.fromEntries(hits.hits.map(({ _id, inner_hits: inner }) => [_id, inner]));
}

async function fill(url: string, isOpen: boolean): Promise<void> {
  const vector = isOpen
    ? { type: 'knn_vector', dimension: 2, method: { name: 'hnsw', engine: 'lucene', space_type: 'l2' } }
    : { type: 'dense_vector', dims: 2, index: true, similarity: 'l2_norm' };
  const properties = {
    title: { type: 'text', fields: { raw: { type: 'keyword' } } },
    headline: { type: 'alias', path: 'title' },
    color: { type: 'keyword', store: true },
    vector,
  };
  const settings = { number_of_shards: 1, number_of_replicas: 0, ...(isOpen && { 'index.knn': true }) };
  await send(`${url}/${index}`, 'PUT', JSON.stringify({ settings, mappings: { properties } }));
  const lines = Array.from({ length: documents }, (_, i) => [
    { index: { _id: String(i) } },
    { title: `chair ${i}`, color: colors[i % colors.length], vector: [documents - i, 1] },
  ]).flat();
  const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  await send(`${url}/${index}/_bulk?refresh=true`, 'POST', body);
}

async function send(url: string, method: string, body: string): Promise<void> {
  const type = method === 'POST' ? 'application/x-ndjson' : 'application/json';
  const response = await fetch(url, { method, body, headers: { 'content-type': type } });
  const text = await response.text();
  if (!response.ok || text.includes('"errors":true')) throw new Error(`${url}: ${response.status} ${text}`);
}

function openSearches(node: string): Searches {
  const client = new OpenSearchClient({ node });
  return {
    plain: async (body) => (await client.search({ index, body })).body as unknown as Answer,
    async staged(body, fields = ['title']) {
      const stage = rescoringStage({
        adapter: opensearchAdapter({ client, fields }),
        reranker: fakeReranker(),
      });
      return (await stage.search({ index, body }, queryTextFor(body))) as never;
    },
    byVector: (k) => ({ query: { knn: { vector: { vector: [0, 1], k } } } }),
  };
}

function elasticSearches(node: string, { version }: ServerChoice): Searches {
  const type = 'application/vnd.elasticsearch+json; compatible-with=8';
  const headers = version.startsWith('8.') ? { accept: type, 'content-type': type } : {};
  const client = new ElasticsearchClient({ node, headers });
  return {
    plain: async (body) => (await client.search({ index, ...body })) as unknown as Answer,
    async staged(body, fields = ['title']) {
      const stage = rescoringStage({
        adapter: elasticsearchAdapter({ client, fields }),
        reranker: fakeReranker(),
      });
      return (await stage.search({ index, ...body }, queryTextFor(body))) as never;
    },
    byVector: (k) => ({ knn: { field: 'vector', query_vector: [0, 1], k, num_candidates: documents } }),
  };
}

/** A vector has no words of its own. */
function queryTextFor(body: Body): { readonly queryText?: string } {
  const { knn, query } = body as { readonly knn?: unknown; readonly query?: Body };
  return knn !== undefined || query?.['knn'] !== undefined ? { queryText: 'chair' } : {};
}
