/** Tests of a proxy before any cluster, through the official clients and byte by byte. */
import { gunzipSync } from 'node:zlib';
import type { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import type { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { expect, it } from 'vitest';
import { type Answer, ask, proxyBefore, type Setup, type SetupOptions } from '../doubles/proxy-setup.ts';

const fields = ['title', 'body'];
const query = { multi_match: { query: 'stars', fields } };
const idsOf = (hits: readonly { readonly _id?: string | undefined }[]) => hits.map(({ _id }) => _id);
/** The index of the suite's documents, and an index of the same kind that the proxy's options do not name. */
const index = 'suite';

/** A cluster under the proxy. */
export interface Cluster {
  /** Gives the address of the cluster. */
  readonly url: () => string;
  /** Names of the requests below that the cluster cannot answer. */
  readonly lacks?: readonly string[];
}

async function throughProxy<T>(
  { url }: Cluster,
  run: (setup: Setup) => Promise<T>,
  options: SetupOptions = {},
): Promise<T> {
  const setup = await proxyBefore(url(), { indices: [index, 'numbers-*'], ...options });
  try {
    return await run(setup);
  } finally {
    await setup.close();
  }
}

/** Tests with the client of Elasticsearch. */
export function elasticsearchProxySuite(
  cluster: Cluster,
  open: (node: string, compression: boolean) => ElasticsearchClient,
): void {
  it.each([true, false])("reranks the client's searches, compressed: %s", async (compression) => {
    await throughProxy(cluster, async ({ proxy }) => {
      const [plain, client] = [open(cluster.url(), compression), open(proxy.url, compression)];
      const before = await plain.search({ index, query, size: 50 });
      const after = await client.search({ index, query, size: 50 });
      expect(before.hits.hits.length).toBeGreaterThan(1);
      expect(idsOf(after.hits.hits)).toEqual(idsOf(before.hits.hits).reverse());
      expect(after).toHaveProperty('blockrank.reranked', true);
      expect(after.hits.total).toEqual(before.hits.total);
      const searches = [{ index }, { query }, { index: 'there-is-no-such-index' }, { query }];
      const { responses } = await client.msearch({ searches });
      expect(responses[0]).toHaveProperty('blockrank.reranked', true);
      expect(responses[1]).toHaveProperty('error');
      const pages = client.helpers.scrollDocuments({ index, query, size: 2 });
      let scrolled = 0;
      for await (const _document of pages) scrolled += 1;
      expect(scrolled).toBe(before.hits.hits.length);
      await Promise.all([plain.close(), client.close()]);
    });
  });

  it('lets the client write, page, read and fail as before', async () => {
    await throughProxy(cluster, async ({ proxy }) => {
      const [plain, client] = [open(cluster.url(), true), open(proxy.url, true)];
      const index = 'proxied';
      const operations = Array.from({ length: 1000 }, (_, n) => [
        { index: { _id: String(n) } },
        { n, body: 'x'.repeat(n) },
      ]);
      const written = await client.bulk({ index, operations: operations.flat(), refresh: true });
      expect(written.errors).toBe(false);
      expect((await client.count({ index })).count).toBe(1000);
      const pit = await client.openPointInTime({ index, keep_alive: '1m' });
      const page = { size: 400, sort: [{ n: 'asc' as const }], pit: { id: pit.id, keep_alive: '1m' } };
      const first = await client.search(page);
      const second = await client.search({ ...page, search_after: first.hits.hits.at(-1)!.sort! });
      expect(second.hits.hits[0]!._id).toBe('400');
      await client.closePointInTime({ id: pit.id });
      const read = await client.mget({ index, ids: ['1', 'none'] });
      expect(read).toEqual(await plain.mget({ index, ids: ['1', 'none'] }));
      expect(await client.indices.exists({ index: 'none' })).toBe(false);
      const wrong = { index: 'suite', query: { no_such_query: {} } } as never;
      const [expected, actual] = await Promise.all(
        [plain, client].map((one) => one.search(wrong).catch((error: unknown) => error)),
      );
      expect(actual).toMatchObject({
        name: 'ResponseError',
        statusCode: 400,
        body: (expected as { body: object }).body,
      });
      await client.indices.delete({ index });
      await Promise.all([plain.close(), client.close()]);
    });
  });
}

/** Tests with the client of OpenSearch. */
export function opensearchProxySuite(
  cluster: Cluster,
  open: (node: string, compression: boolean) => OpenSearchClient,
): void {
  it.each([true, false])("reranks the client's searches, compressed: %s", async (compression) => {
    await throughProxy(cluster, async ({ proxy }) => {
      const [plain, client] = [open(cluster.url(), compression), open(proxy.url, compression)];
      const before = (await plain.search({ index, body: { query }, size: 50 })).body;
      const after = (await client.search({ index, body: { query }, size: 50 })).body;
      expect(before.hits.hits.length).toBeGreaterThan(1);
      expect(idsOf(after.hits.hits)).toEqual(idsOf(before.hits.hits).reverse());
      expect(after).toHaveProperty('blockrank.reranked', true);
      const lines = [{ index }, { query }, { index: 'there-is-no-such-index' }, { query }];
      const { responses } = (await client.msearch({ body: lines as never })).body;
      expect(responses[0]).toHaveProperty('blockrank.reranked', true);
      expect(responses[1]).toHaveProperty('error');
      await Promise.all([plain.close(), client.close()]);
    });
  });

  it('lets the client write, page, read and fail as before', async () => {
    await throughProxy(cluster, async ({ proxy }) => {
      const [plain, client] = [open(cluster.url(), true), open(proxy.url, true)];
      const index = 'proxied';
      const operations = Array.from({ length: 1000 }, (_, n) => [
        { index: { _id: String(n) } },
        { n, body: 'x'.repeat(n) },
      ]);
      const written = await client.bulk({ index, body: operations.flat() as never, refresh: true });
      expect(written.body.errors).toBe(false);
      expect((await client.count({ index })).body.count).toBe(1000);
      const page = { size: 400, sort: [{ n: 'asc' as const }] };
      const scrolled = await client.search({ index, body: page, scroll: '1m' });
      const next = await client.scroll({ body: { scroll_id: scrolled.body._scroll_id!, scroll: '1m' } });
      expect(next.body.hits.hits[0]!._id).toBe('400');
      if (!cluster.lacks?.includes('pit')) {
        const { pit_id: id } = (await client.createPit({ index: [index], keep_alive: '1m' })).body;
        const pit = { id: id!, keep_alive: '1m' };
        const first = (await client.search({ body: { ...page, pit } })).body;
        const after = first.hits.hits.at(-1)!.sort!;
        const second = (await client.search({ body: { ...page, pit, search_after: after } })).body;
        expect(second.hits.hits[0]!._id).toBe('400');
        await client.deletePit({ body: { pit_id: [id!] } });
      }
      const body = { ids: ['1', 'none'] };
      expect((await client.mget({ index, body })).body).toEqual((await plain.mget({ index, body })).body);
      expect((await client.indices.exists({ index: 'none' })).body).toBe(false);
      const wrong = { index: 'suite', body: { query: { no_such_query: {} } } } as never;
      const [expected, actual] = await Promise.all(
        [plain, client].map((one) => one.search(wrong).catch((error: unknown) => error)),
      );
      expect(actual).toMatchObject({
        name: 'ResponseError',
        statusCode: 400,
        body: (expected as { body: object }).body,
      });
      await client.indices.delete({ index });
      await Promise.all([plain.close(), client.close()]);
    });
  });
}

const json = { 'content-type': 'application/json' };
const match = JSON.stringify({ query: { match: { body: 'stars' } } });

/** Requests whose answers the proxy must not change: a name, method, path, body, headers. */
const untouched: readonly (readonly [string, string, string, string?, object?])[] = [
  ['the cluster', 'GET', '/'],
  ['health', 'GET', '/_cluster/health/suite?level=shards'],
  ['the index', 'GET', '/suite'],
  ['the head of an index', 'HEAD', '/suite'],
  ['the head of an index that is not there', 'HEAD', '/none'],
  ['a mapping, pretty', 'GET', '/suite/_mapping?pretty'],
  ['a table', 'GET', '/_cat/indices/suite?v&h=index,docs.count'],
  ['a document', 'GET', '/suite/_doc/astronomer'],
  ['a document that is not there', 'GET', '/suite/_doc/no%2Fsuch%20one?pretty'],
  ['an encoded name', 'GET', '/%73uite/_count'],
  ['two slashes', 'GET', '//suite//_count'],
  ['dots', 'GET', '/suite/../suite/_count'],
  ['a count by GET with a body', 'GET', '/suite/_count', match, json],
  ['several documents', 'POST', '/_mget', '{"docs":[{"_index":"suite","_id":"astronomer"}]}', json],
  ['a sorted search', 'POST', '/suite/_search', '{"sort":["year","_doc"],"size":2}', json],
  ['a search of another index', 'POST', '/su*/_search?size=1', match, json],
  ['a search without words', 'GET', '/suite/_search?size=1'],
  ['a filtered search', 'POST', '/suite/_search?filter_path=hits.hits._id', match, json],
  ['a search for YAML', 'POST', '/suite/_search?format=yaml&size=1', match, json],
  ['a search of another index with a slash at its end', 'POST', '/su*/_search/?size=1', match, json],
  ['a search that is not JSON', 'POST', '/suite/_search', '{"query":', json],
  ['a search for what cannot be', 'POST', '/suite/_search', '{"query":{"no_such_query":{}}}', json],
  [
    'a search beyond the limit',
    'POST',
    '/suite/_search',
    '{"from":99,"size":20000,"query":{"match":{"body":"a"}}}',
    json,
  ],
  ['a search without a type', 'POST', '/suite/_search', match],
  ['a search of nothing', 'POST', '/none/_search', match, json],
  ['a multi-search of nothing', 'POST', '/_msearch', '', json],
  ['a multi-search elsewhere', 'POST', '/_msearch', `{"index":"su*"}\n${match}\n`, json],
  ['options', 'OPTIONS', '/suite'],
  ['a method that is not allowed', 'DELETE', '/suite/_search'],
  ['an unknown path', 'POST', '/_no/_such/_path', '{}', json],
  ['an analysis', 'POST', '/_analyze', '{"text":"The Stars!","analyzer":"standard"}', json],
];

/** Headers that travel on: without those of one connection, and without dates, which change. */
function travelling({ rawHeaders }: Answer): readonly string[] {
  const own = /^(connection|keep-alive|transfer-encoding|x-blockrank|content-length)$/i;
  const isDate = (i: number): boolean => i % 2 === 1 && /^date$/i.test(rawHeaders[i - 1]!);
  return rawHeaders
    .map((text, i) => (isDate(i) ? 'a date' : text))
    .filter((_, i) => !own.test(rawHeaders[i - (i % 2)]!));
}

/** The part of an answer that is the same each time. */
function settled(answer: Answer): object {
  const isPacked = answer.headers['content-encoding'] === 'gzip';
  const text = (isPacked ? gunzipSync(answer.body) : answer.body).toString('latin1');
  const timeless = text
    .replace(/("?took"?\s*:\s*)\d+/g, '$10')
    .replace(/("total_shards_time"\s*:\s*)\d+/g, '$10');
  const { status, statusMessage } = answer;
  return { status, statusMessage, headers: travelling(answer), text: timeless };
}

/** Compares raw answers through the proxy with those without it. */
export function byteForByteSuite(cluster: Cluster): void {
  const { lacks = [] } = cluster;
  it.each(['identity', 'gzip'])('changes no byte of any other answer, with encoding %s', async (encoding) => {
    await throughProxy(cluster, async ({ proxy }) => {
      for (const [name, method, path, body, more] of untouched) {
        if (lacks.includes(name)) continue;
        const headers = {
          ...more,
          'accept-encoding': encoding,
          ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
        };
        const [direct, proxied] = await Promise.all(
          [cluster.url(), proxy.url].map((url) =>
            ask(url, { method, path, headers, ...(body !== undefined && { body }) }),
          ),
        );
        expect(settled(proxied!), name).toEqual(settled(direct!));
      }
    });
  });

  it('keeps every digit of what it reranks', async () => {
    const document = (n: number) =>
      `{"title":"stars","body":"${n}","long":900719925474099${n},"whole":1.0,"tiny":1e-7,"10":1,"9":[1.0,2.50],"list":[{"b":1.0,"a":-0.5}]}`;
    const lines = [1, 3, 5, 7].map((n) => `{"index":{"_id":"${n}"}}\n${document(n)}\n`);
    const mapping =
      '{"mappings":{"properties":{"long":{"type":"long"},"whole":{"type":"double"}}},"settings":{"number_of_shards":1,"number_of_replicas":0}}';
    const send = (url: string, method: string, path: string, body?: string) =>
      ask(url, {
        method,
        path,
        ...(body && { body, headers: { ...json, 'content-length': String(body.length) } }),
      });
    // A rounded number would let in one more: 9007199254740992 is what a double makes of ...993.
    const exact = '{"range":{"long":{"lte":9007199254740993}}}';
    const filter = lacks.includes('exact longs') ? '' : `,"must_not":${exact}`;
    const search = `{"query":{"bool":{"must":{"match":{"title":"stars"}}${filter}}},"aggs":{"most":{"max":{"field":"whole"}}},"size":20}`;
    const left = lacks.includes('exact longs') ? 4 : 2;
    await throughProxy(
      cluster,
      async ({ proxy }) => {
        await send(proxy.url, 'PUT', '/numbers-1', mapping);
        const written = await send(proxy.url, 'POST', '/numbers-1/_bulk?refresh=true', lines.join(''));
        expect(written.body.toString()).toContain('"errors":false');
        const path = '/numbers-1/_search';
        const [direct, proxied] = await Promise.all(
          [cluster.url(), proxy.url].map((url) => send(url, 'POST', path, search)),
        );
        await send(cluster.url(), 'DELETE', '/numbers-1');
        expect(proxied!.headers['x-blockrank']).toBe('reranked');
        const whole = /(.*"hits":\[)(\{"_i(?:d|ndex)".*\})(\].*)/s;
        const [, head, hits, tail] = whole.exec(direct!.body.toString())!;
        const [, ownHead, ownHits, ownTail] = whole.exec(proxied!.body.toString())!;
        const timeless = (text: string) => text.replace(/"took":\d+/, '"took":0');
        expect(timeless(ownHead!)).toBe(timeless(head!));
        expect(timeless(ownTail!)).toBe(timeless(tail!));
        const split = (text: string) => text.split(/(?<=\}),(?=\{"_i(?:d|ndex)")/);
        expect(split(hits!)).toHaveLength(left);
        expect(split(ownHits!)).toEqual(split(hits!).reverse());
        expect(ownHits).toContain(document(5));
      },
      { adapterOptions: { marks: false } },
    );
  });
}
