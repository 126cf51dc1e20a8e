import { Client } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { afterEach, describe, expect, it } from 'vitest';
import type { Adapter, OutcomeMark } from '../../../adapters/adapter.ts';
import { elasticsearchAdapter } from '../../../adapters/elasticsearch/index.ts';
import { opensearchAdapter } from '../../../adapters/opensearch/index.ts';
import { FirstStageError } from '../../../engine/index.ts';
import { withElasticsearchReranking, withOpenSearchReranking } from '../../../plugin/middleware/index.ts';
import { rescoringStage, type UnrerankedEvent } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import type { AnsweringServer } from '../../support/doubles/answering-server.ts';
import { limitedServer, partialShards, windowRefusal } from '../../support/doubles/limited-server.ts';
import { elasticsearchSilent } from '../../support/doubles/silent-clients.ts';

const fields = ['title'];
const query = { match: { title: 'stars' } };

interface Found {
  readonly blockrank?: OutcomeMark;
  readonly error?: unknown;
  readonly hits: { readonly hits: readonly { readonly _id: string }[] };
}

/** A way to search through a client: alone, and several at once by their indices. */
interface Way {
  search(index: string): Promise<Found>;
  searchMany(indices: readonly string[]): Promise<readonly (Found | Error)[]>;
}

type Search = Adapter<object, Found>;
const heard: UnrerankedEvent[] = [];
const events = { unreranked: (event: UnrerankedEvent) => void heard.push(event) };

function stageOver(adapter: unknown): Way {
  const stage = rescoringStage({ adapter: adapter as Search, reranker: fakeReranker(), events });
  const request = (index: string) => ({ index, body: { query } });
  return {
    search: (index) => stage.search(request(index)),
    searchMany: (indices) => stage.searchMany(indices.map(request)),
  };
}

const ways: readonly (readonly [string, (node: string) => Way])[] = [
  [
    'the stage over Elasticsearch',
    (node) => stageOver(elasticsearchAdapter({ client: new Client({ node }), fields })),
  ],
  [
    'the stage over OpenSearch',
    (node) => stageOver(opensearchAdapter({ client: new OpenSearchClient({ node }), fields })),
  ],
  [
    'a client of Elasticsearch with reranking inside',
    (node) => {
      const options = { reranker: fakeReranker(), fields, indices: ['*'], events };
      const client = withElasticsearchReranking(new Client({ node }), options);
      const lines = (index: string) => [{ index }, { query }];
      return {
        search: async (index) => (await client.search({ index, query })) as unknown as Found,
        searchMany: async (indices) =>
          (await client.msearch({ searches: indices.flatMap(lines) })).responses as unknown as Found[],
      };
    },
  ],
  [
    'a client of OpenSearch with reranking inside',
    (node) => {
      const options = { reranker: fakeReranker(), fields, indices: ['*'], events };
      const client = withOpenSearchReranking(new OpenSearchClient({ node }), options);
      const lines = (index: string) => [{ index }, { query }];
      return {
        search: async (index) => (await client.search({ index, body: { query } })).body as unknown as Found,
        searchMany: async (indices) => {
          const { body } = await client.msearch({ body: indices.flatMap(lines) as never });
          return body.responses as unknown as Found[];
        },
      };
    },
  ],
];

let server: AnsweringServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
  heard.length = 0;
});
async function listen(): Promise<AnsweringServer> {
  server = await limitedServer();
  return server;
}

const idsOf = ({ hits }: Found): readonly string[] => hits.hits.map(({ _id }) => _id);
const told = [{ code: 'max-result-window', message: expect.stringContaining('index.max_result_window') }];
const asItCame = { reranked: false, reason: 'first-stage-error', warnings: told };

describe.each(ways)('%s', (_name, open) => {
  it.each([
    ['one of two indices', 'limited,free', ['limited-1', 'limited-2', 'free-1', 'free-2']],
    ['the only index', 'limited', ['limited-1', 'limited-2']],
  ])('asks as it came what a limit of %s refused, and says so', async (_what, index, ids) => {
    const { url, asked } = await listen();
    const found = await open(url).search(index);
    expect(idsOf(found)).toEqual(ids);
    expect(found.blockrank).toMatchObject(asItCame);
    expect(asked.map(({ body }) => (JSON.parse(body) as { size?: number }).size)).toEqual([100, undefined]);
    expect(heard).toMatchObject([{ reason: 'first-stage-error', warnings: told }]);
  });

  it('asks again for those of several searches alone that were refused', async () => {
    const { url, asked } = await listen();
    const found = await open(url).searchMany(['limited,free', 'free', 'limited']);
    const [cut, whole, refused] = found as readonly Found[];
    expect(cut!.blockrank).toMatchObject(asItCame);
    expect(idsOf(cut!)).toHaveLength(4);
    expect(whole!.blockrank).toMatchObject({ reranked: true });
    expect(refused!.blockrank).toMatchObject(asItCame);
    expect(idsOf(refused!)).toEqual(['limited-1', 'limited-2']);
    expect(asked.map(({ body }) => body.trim().split('\n').length)).toEqual([6, 4]);
  });
});

describe('refusedChanges', () => {
  const adapter = elasticsearchSilent();
  const changed = adapter.plan({ query }, { rankWindowSize: 100 });
  const same = adapter.plan({ query, size: 100 }, { rankWindowSize: 100 });
  const refused = (answer: unknown, plan = changed) => adapter.refusedChanges?.(plan, answer as never);
  const failing = (statusCode: number, type: string) =>
    new FirstStageError(
      'Refused.',
      { adapter: 'elasticsearch', statusCode },
      { cause: { body: { error: { type } } } },
    );
  const shards = (type: string, reason = '') => ({ _shards: { failures: [{ reason: { type, reason } }] } });

  it('sees nothing where nothing was changed', () => {
    expect(refused({ _shards: partialShards }, same)).toBeUndefined();
    expect(refused(failing(400, 'illegal_argument_exception'), same)).toBeUndefined();
  });

  it.each([
    ['no memory for it', failing(429, 'circuit_breaking_exception'), 'refused-changes'],
    ['any refusal of the request', failing(400, 'parsing_exception'), 'refused-changes'],
    ['a refusal that has the status of a fault', failing(500, 'search_exception'), 'refused-changes'],
    ['what a gateway does not let through', failing(403, 'forbidden'), 'refused-changes'],
    ['a request that became too long', failing(413, 'content_too_long_exception'), 'refused-changes'],
    ['shards that what was added does not go with', shards('search_exception'), 'refused-changes'],
    ['shards that stumbled over it', shards('null_pointer_exception'), 'refused-changes'],
    [
      'an item of a multi-search',
      Object.assign(new Error(), { statusCode: 400, body: windowRefusal }),
      'max-result-window',
    ],
    ['shards without memory', shards('circuit_breaking_exception'), 'refused-changes'],
    [
      'a limit of another kind',
      shards('illegal_argument_exception', 'exceeds the [index.highlight.max_analyzed_offset] limit [10]'),
      'refused-changes',
    ],
    [
      'a cause below',
      {
        _shards: { failures: [{ reason: { type: 'x', caused_by: { type: 'illegal_argument_exception' } } }] },
      },
      'refused-changes',
    ],
    [
      'shards of another cluster',
      { _shards: {}, _clusters: { details: { far: { failures: partialShards.failures } } } },
      'max-result-window',
    ],
  ])('counts %s', (_what, answer, code) => {
    expect(refused(answer)?.code).toBe(code);
  });

  it('counts an answer that is larger than the client takes, and repeats what was said', async () => {
    const { url } = await listen();
    const client = new Client({ node: url, maxResponseSize: 100 });
    const adapter = elasticsearchAdapter({ client, fields });
    const plan = adapter.plan({ index: 'free', query }, { rankWindowSize: 100 });
    const error = await adapter.search(plan).catch((reason: unknown) => reason as Error);
    expect(adapter.refusedChanges?.(plan, error as never)).toMatchObject({
      code: 'refused-changes',
      message: expect.stringContaining('bigger than the maximum allowed'),
    });
    await client.close();
  });

  it('names the setting that was in the way', () => {
    const reason = 'exceeds the [index.highlight.max_analyzed_offset] limit [10]';
    expect(refused(shards('illegal_argument_exception', reason))?.message).toContain(
      'raise "index.highlight.max_analyzed_offset"',
    );
  });

  it.each([
    ['a full queue, which a second search would fill more', failing(429, 'es_rejected_execution_exception')],
    ['a server that failed', failing(503, 'no_shard_available_action_exception')],
    ['a connection that broke', new FirstStageError('Gone.', { adapter: 'elasticsearch' })],
    ['a gateway that did not wait', failing(504, 'timeout')],
    ['an index that is not there', failing(404, 'index_not_found_exception')],
    ['credentials that are wrong', failing(401, 'security_exception')],
    ["shards that do not know the user's own words", shards('query_shard_exception')],
    ["shards that the user's own script fails on", shards('script_exception')],
    ['shards that are not there', shards('no_shard_available_action_exception')],
    ['an answer of all shards', { _shards: { total: 2, failed: 0 } }],
    ['no answer at all', undefined],
  ])('does not count %s', (_what, answer) => {
    expect(refused(answer)).toBeUndefined();
  });
});
