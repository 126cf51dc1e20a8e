import { Client as Client9 } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { Client as Client8 } from 'elasticsearch-8';
import { describe, expect, it } from 'vitest';
import { elasticsearchAdapter } from '../../../adapters/elasticsearch/index.ts';
import { opensearchAdapter } from '../../../adapters/opensearch/index.ts';
import { FirstStageError } from '../../../engine/index.ts';
import { withElasticsearchReranking, withOpenSearchReranking } from '../../../plugin/middleware/index.ts';
import { type RescoringStage, rescoringStage } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import { type Answer, answeringServer, sendJson } from '../../support/doubles/answering-server.ts';

const kept = closedAfterEach();
const fields = ['title'];
const index = 'articles';
const query = { match: { title: 'garden chair' } };
const reranking = () => ({ reranker: fakeReranker(), fields, indices: [index] });

interface Ways {
  /** The client alone, and the client with reranking inside. */
  readonly search: (options: object) => Promise<unknown>;
  readonly reranked: (options: object) => Promise<unknown>;
  readonly msearch: (options: object) => Promise<unknown>;
  readonly stage: (options: object) => RescoringStage<never, unknown>;
  readonly request: object;
}

type Open = (node: string, options: object) => Ways;

const elasticsearch =
  (Client: typeof Client9): Open =>
  (node, options) => {
    const client = new Client({ node, maxRetries: 0, ...options });
    const inside = withElasticsearchReranking(client, reranking());
    const request = { index, query };
    return {
      search: (call) => client.search(request, call),
      reranked: (call) => inside.search(request, call),
      msearch: (call) => inside.msearch({ index, searches: [{}, { query }] }, call),
      stage: (callOptions) => {
        const adapter = elasticsearchAdapter({ client, fields, callOptions });
        return rescoringStage({ adapter, reranker: fakeReranker() }) as RescoringStage<never, unknown>;
      },
      request,
    };
  };

const clients: readonly (readonly [string, Open])[] = [
  ['Elasticsearch 9', elasticsearch(Client9)],
  ['Elasticsearch 8', elasticsearch(Client8 as unknown as typeof Client9)],
  [
    'OpenSearch',
    (node, options) => {
      const client = new OpenSearchClient({ node, maxRetries: 0, ...options });
      const inside = withOpenSearchReranking(client, reranking());
      const request = { index, body: { query } };
      return {
        search: async (call) => client.search(request, call),
        reranked: async (call) => inside.search(request, call),
        msearch: async (call) => inside.msearch({ index, body: [{}, { query }] as never }, call),
        stage: (callOptions) => {
          const adapter = opensearchAdapter({ client, fields, callOptions });
          return rescoringStage({ adapter, reranker: fakeReranker() }) as RescoringStage<never, unknown>;
        },
        request,
      };
    },
  ],
];

async function served(answer: Answer): Promise<string> {
  const server = kept(await answeringServer(answer));
  return server.url;
}

const silent: Answer = () => {};
const saidBy = (call: Promise<unknown>): Promise<Error> =>
  call.then(
    () => new Error('an answer came'),
    (error: Error) => error,
  );

/** What ends a call: an option of the client, or one of the call. */
const endings: readonly (readonly [string, string, object, object])[] = [
  ["the client's requestTimeout", 'TimeoutError', { requestTimeout: 60 }, {}],
  ["the call's requestTimeout", 'TimeoutError', {}, { requestTimeout: 60 }],
  ['a timeout after retries', 'TimeoutError', { maxRetries: 1 }, { requestTimeout: 40, maxRetries: 1 }],
];

describe.each(clients)('a call that the client of %s ends', (name, open) => {
  it.each(endings)('by %s rejects with an error that says so', async (_what, error, own, call) => {
    const ways = open(await served(silent), own);
    const stage = ways.stage(call);
    const calls = [ways.search(call), ways.reranked(call), ways.msearch(call)];
    const stages = [stage.search(ways.request as never), stage.searchMany([ways.request as never])];
    const [[alone, ...inside], said] = (await Promise.all(
      [calls, stages].map((running) => Promise.all(running.map(saidBy))),
    )) as [[Error, ...Error[]], Error[]];
    expect(alone.name).toBe(error);
    for (const one of inside) expect([one.name, one.message]).toEqual([alone.name, alone.message]);
    for (const one of said) {
      expect(one).toBeInstanceOf(FirstStageError);
      expect(one.cause).toMatchObject({ name: error });
    }
  });

  it.runIf(name.startsWith('Elastic'))(
    'for an answer above maxResponseSize rejects as the client does',
    async () => {
      const hits = { hits: [{ _id: 'x'.repeat(5000) }] };
      const ways = open(await served((response) => sendJson(response, 200, { hits })), {});
      const call = { maxResponseSize: 1000 };
      const alone = await saidBy(ways.search(call));
      expect(alone.name).toBe('RequestAbortedError');
      for (const way of [ways.reranked, ways.msearch]) {
        const inside = await saidBy(way(call));
        expect([inside.name, inside.message]).toEqual([alone.name, alone.message]);
      }
      const said = await saidBy(ways.stage(call).search(ways.request as never));
      expect(said).toBeInstanceOf(FirstStageError);
      expect(said.cause).toMatchObject({ name: 'RequestAbortedError' });
    },
  );

  it.runIf(name.startsWith('Elastic'))("by the caller's signal rejects as the client does", async () => {
    const ways = open(await served(silent), {});
    for (const way of [ways.search, ways.reranked, ways.msearch]) {
      const controller = new AbortController();
      const running = saidBy(way({ signal: controller.signal }));
      setTimeout(() => controller.abort(), 30);
      expect((await running).name).toBe('RequestAbortedError');
      expect((await saidBy(way({ signal: controller.signal }))).name).toBe('RequestAbortedError');
    }
  });

  it("by its stage's caller rejects with the caller's own reason", async () => {
    const ways = open(await served(silent), {});
    const controller = new AbortController();
    const running = saidBy(ways.stage({}).search(ways.request as never, { signal: controller.signal }));
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), 30);
    expect(await running).toBe(reason);
  });
});

describe('a signal that many searches share', () => {
  it('brings no warning of a leak', async () => {
    const warnings: Error[] = [];
    const keep = (warning: Error): void => void warnings.push(warning);
    process.on('warning', keep);
    const hits = { hits: [{ _id: '1', _score: 1, _source: { title: 'chair' } }] };
    const url = await served((response) => void setTimeout(() => sendJson(response, 200, { hits }), 50));
    const client = withElasticsearchReranking(new Client9({ node: url }), reranking());
    const stage = clients[0]![1](url, {}).stage({});
    const { signal } = new AbortController();
    await Promise.all([
      ...Array.from({ length: 30 }, () => client.search({ index, query }, { signal })),
      ...Array.from({ length: 30 }, () => stage.search({ index, query } as never, { signal })),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off('warning', keep);
    expect(warnings.map(({ name }) => name)).toEqual([]);
  });
});
