import { Client } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { Client as Client8 } from 'elasticsearch-8';
import { afterEach, describe, expect, it } from 'vitest';
import type { Adapter } from '../../../adapters/adapter.ts';
import { elasticsearchAdapter } from '../../../adapters/elasticsearch/index.ts';
import { opensearchAdapter } from '../../../adapters/opensearch/index.ts';
import { FirstStageError } from '../../../engine/index.ts';
import {
  type Answer,
  type AnsweringServer,
  answeringServer,
  sendJson,
} from '../../support/doubles/answering-server.ts';

type AnyAdapter = Required<Pick<Adapter<object, unknown>, 'searchMany'>> & Adapter<object, unknown>;
const fields = ['title'];
const request = { index: 'books', body: { query: { match: { title: 'stars' } } } };
const noHits = { hits: { hits: [] } };

const adapters: readonly (readonly [string, (node: string, callOptions?: object) => AnyAdapter])[] = [
  [
    'Elasticsearch client 9',
    (node, callOptions = {}) =>
      elasticsearchAdapter({
        client: new Client({ node, maxRetries: 0 }),
        fields,
        callOptions,
      }) as AnyAdapter,
  ],
  [
    'Elasticsearch client 8',
    (node, callOptions = {}) =>
      elasticsearchAdapter({
        client: new Client8({ node, maxRetries: 0 }),
        fields,
        callOptions,
      }) as AnyAdapter,
  ],
  [
    'OpenSearch client 3',
    (node, callOptions = {}) =>
      opensearchAdapter({
        client: new OpenSearchClient({ node, maxRetries: 0 }),
        fields,
        callOptions,
      }) as AnyAdapter,
  ],
];

let server: AnsweringServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function listen(answer: Answer): Promise<AnsweringServer> {
  server = await answeringServer(answer);
  return server;
}

/** What a search fails with. */
async function failureOf(adapter: AnyAdapter): Promise<FirstStageError> {
  const plan = adapter.plan(request, { rankWindowSize: 10 });
  const error: unknown = await adapter.search(plan).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(FirstStageError);
  return error as FirstStageError;
}

describe.each(adapters)('%s', (_name, open) => {
  it.each([
    [400, { type: 'parsing_exception', reason: 'unknown query [macth]' }, 'Correct the request'],
    [400, { type: 'illegal_argument_exception', reason: 'Result window is too large' }, 'maxResultWindow'],
    [400, { type: 'media_type_header_exception', reason: 'Accept version must be 8' }, 'compatible-with=8'],
    [401, { type: 'security_exception', reason: 'missing authentication credentials' }, 'credentials'],
    [403, { type: 'security_exception', reason: 'unauthorized' }, 'privilege'],
    [404, { type: 'index_not_found_exception', reason: 'no such index [books]' }, 'name of the index'],
    [429, { type: 'es_rejected_execution_exception', reason: 'rejected' }, 'overloaded'],
    [500, { type: 'null_pointer_exception', reason: 'n is null' }, "server's log"],
    [503, { type: 'no_shard_available_action_exception', reason: 'all shards failed' }, "server's log"],
  ])('passes on status %d, the reason %j and what to do', async (status, reason, advice) => {
    const { url } = await listen((response) =>
      sendJson(response, status, { error: { ...reason, root_cause: [reason] }, status }),
    );
    const error = await failureOf(open(url));
    expect(error.statusCode).toBe(status);
    expect(error.message).toContain(`${reason.type}: ${reason.reason}. `);
    expect(error.message).toContain(`(status ${status})`);
    expect(error.message).toContain(advice);
    expect(error.message).toContain('Search in "books"');
    expect(error.cause).toMatchObject({ name: 'ResponseError' });
  });

  it('names the cause behind a general failure', async () => {
    const cause = { type: 'query_shard_exception', reason: 'no field [v]' };
    const error = {
      type: 'search_phase_execution_exception',
      reason: 'all shards failed',
      root_cause: [cause],
    };
    const { url } = await listen((response) => sendJson(response, 400, { error, status: 400 }));
    const { message } = await failureOf(open(url));
    expect(message).toContain('all shards failed; caused by query_shard_exception: no field [v]. ');
  });

  it('says that an answer is no JSON', async () => {
    const { url } = await listen((response) => sendJson(response, 200, '{"hits": {"hits": [{'));
    const { message } = await failureOf(open(url));
    expect(message).toContain('The answer is no JSON');
  });

  it('says that the socket was closed', async () => {
    const { url } = await listen((response) => response.destroy());
    const { message, statusCode } = await failureOf(open(url));
    expect(message).toContain('(ConnectionError)');
    expect(message).toContain('Check the address');
    expect(statusCode).toBeUndefined();
  });

  it('says that nobody listens', async () => {
    const { url, close } = await listen({});
    await close();
    expect((await failureOf(open(url))).message).toContain('Check the address');
  });

  it('says that the server took too long', async () => {
    const { url } = await listen(() => undefined);
    const { message } = await failureOf(open(url, { requestTimeout: 50 }));
    expect(message).toContain('(TimeoutError)');
    expect(message).toContain('requestTimeout');
  });

  it('ends with the signal, though the server hangs', async () => {
    const { url, asked } = await listen(() => undefined);
    const adapter = open(url);
    const reason = new Error('not wanted any more');
    const controller = new AbortController();
    const search = adapter.search(adapter.plan(request, { rankWindowSize: 10 }), {
      signal: controller.signal,
    });
    const settled = expect(search).rejects.toBe(reason);
    await expect.poll(() => asked.length).toBe(1);
    controller.abort(reason);
    await settled;
    expect(asked).toHaveLength(1);
  });

  it('ends a multi-search with the signal', async () => {
    const { url } = await listen(() => undefined);
    const adapter = open(url);
    const reason = new Error('not wanted any more');
    const plans = [adapter.plan(request, { rankWindowSize: 10 })];
    const controller = new AbortController();
    const search = adapter.searchMany(plans, { signal: controller.signal });
    controller.abort(reason);
    await expect(search).rejects.toBe(reason);
  });

  it('sends several searches in one request, each with its header', async () => {
    const { url, asked } = await listen({ responses: [noHits, noHits] });
    const adapter = open(url);
    const plans = [request, { index: 'films', routing: 'r', body: request.body }].map((one) =>
      adapter.plan(one, { rankWindowSize: 10 }),
    );
    expect(await adapter.searchMany(plans)).toEqual([noHits, noHits]);
    expect(asked).toHaveLength(1);
    expect(asked[0]!.url).toBe('/_msearch');
    expect(
      asked[0]!.body
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { index: 'books' },
      { query: request.body.query },
      { index: 'films', routing: 'r' },
      { query: request.body.query },
    ]);
  });

  it('sends alone what a multi-search cannot say, and keeps the order of the answers', async () => {
    const { url, asked } = await listen((response, { url: path }) => {
      sendJson(
        response,
        200,
        path.startsWith('/_msearch') ? { responses: [{ ...noHits, took: 1 }] } : { ...noHits, took: 2 },
      );
    });
    const adapter = open(url);
    const plans = [{ index: 'books', q: 'stars' }, request].map((one) =>
      adapter.plan(one, { rankWindowSize: 10 }),
    );
    const answers = (await adapter.searchMany(plans)) as readonly { took: number }[];
    expect(answers.map(({ took }) => took)).toEqual([2, 1]);
    expect(asked.map(({ url: path }) => path.split('?')[0]).sort()).toEqual(['/_msearch', '/books/_search']);
  });

  it('gives each refused search of a multi-search as its error', async () => {
    const reason = { type: 'index_not_found_exception', reason: 'no such index [books]' };
    const refused = { error: { ...reason, root_cause: [reason] }, status: 404 };
    const { url } = await listen({ responses: [noHits, refused, 'broken'] });
    const adapter = open(url);
    const plans = [request, request, request].map((one) => adapter.plan(one, { rankWindowSize: 10 }));
    const [first, second, third] = await adapter.searchMany(plans);
    expect(first).toEqual(noHits);
    expect(second).toBeInstanceOf(FirstStageError);
    expect(second).toMatchObject({
      statusCode: 404,
      message: expect.stringContaining('Search 2 of a multi-search'),
    });
    expect(third).toBeInstanceOf(FirstStageError);
  });

  it.each([[{}], [{ responses: [] }]])('rejects a multi-search that is answered with %j', async (answer) => {
    const { url } = await listen(answer);
    const adapter = open(url);
    const plans = [adapter.plan(request, { rankWindowSize: 10 })];
    await expect(adapter.searchMany(plans)).rejects.toThrow(
      /Cannot read the answer of ".*" to a multi-search of 1/,
    );
  });
});

describe('the Elasticsearch adapter', () => {
  it('says which adapter to take for another product', async () => {
    const { url } = await listen((response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"hits":{"hits":[]}}');
    });
    const client = new Client({ node: url, maxRetries: 0 });
    const error = await failureOf(elasticsearchAdapter({ client, fields }) as AnyAdapter);
    expect(error.message).toContain('opensearchAdapter');
  });
});

describe('the OpenSearch adapter', () => {
  const unavailable: Answer = (response) => sendJson(response, 503, { error: 'busy' });

  it('asks once under a signal, though its client repeats', async () => {
    const { url, asked } = await listen(unavailable);
    const adapter = opensearchAdapter({ client: new OpenSearchClient({ node: url, maxRetries: 2 }), fields });
    const plan = adapter.plan(request, { rankWindowSize: 10 });
    await expect(adapter.search(plan, { signal: new AbortController().signal })).rejects.toThrow('busy');
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['without a signal', {}, undefined, 3],
    ['when told to', { maxRetries: 1 }, new AbortController().signal, 2],
  ])('repeats %s', async (_what, callOptions, signal, times) => {
    const { url, asked } = await listen(unavailable);
    const client = new OpenSearchClient({ node: url, maxRetries: 2 });
    const adapter = opensearchAdapter({ client, fields, callOptions });
    const plan = adapter.plan(request, { rankWindowSize: 10 });
    await expect(adapter.search(plan, { ...(signal && { signal }) })).rejects.toThrow('busy');
    expect(asked).toHaveLength(times);
  });
});
