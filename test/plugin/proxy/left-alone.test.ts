/** Searches that a proxy does not rerank, and passes as they came. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import { answering, answerOf, headers, query } from '../../support/doubles/played-searches.ts';
import { ask, event, played, search, socketTo, until } from '../../support/doubles/proxy-setup.ts';
import { proxyStarter } from '../../support/doubles/proxy-starter.ts';

const kept = closedAfterEach();
const proxied = proxyStarter(kept);

describe('a proxy leaving searches alone', () => {
  const text = answerOf('a', 'b');
  const asJson = { 'content-type': 'application/json' };
  const sized = JSON.stringify(query);

  it.each([
    ['another index', '/other/_search', sized, {}],
    ['one of several indices that is not named', '/products-1,other/_search', sized, {}],
    ['no index', '/_search', sized, {}],
    ['a point in time', '/_search', JSON.stringify({ ...query, pit: { id: 'x' } }), {}],
    ['YAML of another index', '/other/_search?format=yaml', sized, {}],
    ['an index name that cannot be decoded', '/products-%zz/_search', sized, {}],
    ['a scroll that goes on', '/_search/scroll', '{"scroll_id":"x"}', {}],
    ['a template of another index', '/other/_search/template', '{"id":"x"}', {}],
    ['a count', '/products-1/_count', sized, {}],
    ['a document', '/products-1/_doc/1', sized, {}],
    ['a multi-search of "indices" elsewhere', '/products-1/_msearch', `{"indices":"other"}\n${sized}\n`, {}],
  ] as [string, string, string, Record<string, string>][])(
    'passes %s without a word',
    async (_what, path, body, more) => {
      const server = await played(answering(text));
      const { proxy, reranker } = await proxied(server);
      const sent = { ...asJson, 'content-length': String(Buffer.byteLength(body)), ...more };
      const answer = await ask(proxy.url, { method: 'POST', path, headers: sent, body });
      expect(answer.body.toString()).toBe(text);
      expect(answer.headers).not.toHaveProperty('x-blockrank');
      expect(server.seen[0]!.url).toBe(path);
      expect(server.seen[0]!.body.toString()).toBe(body);
      expect(reranker.calls).toHaveLength(0);
    },
  );

  it.each([
    ['YAML', '/products-1/_search?format=yaml', sized, {}],
    ['an accepted type that is no JSON', '/products-1/_search', sized, { accept: 'application/cbor' }],
    [
      'a body that is no JSON by its type',
      '/products-1/_search',
      sized,
      { 'content-type': 'application/smile' },
    ],
    ['a body that is no JSON', '/products-1/_search', '{"query":', {}],
    ['a parameter that comes twice', '/products-1/_search?size=1&size=2', sized, {}],
    [
      'a body in the address',
      '/products-1/_search?source=%7B%7D&source_content_type=application/json',
      '',
      {},
    ],
    ['a template', '/products-1/_search/template', '{"id":"x"}', {}],
    ['several templates', '/products-1/_msearch/template', '{}\n{"id":"x"}\n', {}],
    ['an asynchronous search', '/products-1,products-2/_async_search', sized, {}],
    ['an unknown compression', '/products-1/_search', sized, { 'content-encoding': 'zstd' }],
    ['a wrong compression', '/products-1/_search', sized, { 'content-encoding': 'gzip' }],
    [
      'a filtered multi-search',
      '/products-1/_msearch?filter_path=responses.hits.hits._id',
      `{}\n${sized}\n`,
      {},
    ],
    ['a multi-search that is none', '/products-1/_msearch', '{}\n', {}],
    ['a multi-search without its last end of line', '/products-1/_msearch', `{}\n${sized}`, {}],
    ['a name that comes twice', '/products-1/_search', `{"size":1,${sized.slice(1, -1)},"size":2}`, {}],
    [
      'a signed search, whose signature holds for its body',
      '/products-1/_search',
      sized,
      {
        authorization:
          'AWS4-HMAC-SHA256 Credential=x/20261126/eu-central-1/es/aws4_request, SignedHeaders=host',
      },
    ],
    ['a search with a signature in its address', '/products-1/_search?X-Amz-Signature=0', sized, {}],
    ['what it was told to rerank', '/other/_search', '{"query":', { 'x-blockrank': 'on' }],
  ] as [string, string, string, Record<string, string>][])(
    'passes %s as it came, and says that it cannot read it',
    async (_what, path, body, more) => {
      const server = await played(answering(text));
      const { proxy, reranker } = await proxied(server);
      const sent = { ...asJson, 'content-length': String(Buffer.byteLength(body)), ...more };
      const answer = await ask(proxy.url, { method: 'POST', path, headers: sent, body });
      expect(answer.body.toString()).toBe(text);
      expect(answer.headers['x-blockrank']).toBe('unreranked; reason=unsupported-request');
      expect(server.seen[0]!.url).toBe(path);
      expect(server.seen[0]!.body.toString()).toBe(body);
      expect(reranker.calls).toHaveLength(0);
    },
  );

  it.each([
    ['a sort', '/products-1/_search', { ...query, sort: ['price'] }, 'explicit-sort'],
    ['a scroll', '/products-1/_search?scroll=1m', query, 'scroll'],
    ['a page after another', '/products-1/_search', { ...query, search_after: [1] }, 'search-after'],
    ['a page beyond the window', '/products-1/_search', { ...query, from: 100 }, 'beyond-window'],
    ['no hits asked for', '/products-1/_search?size=0', query, 'size-zero'],
    ['a filtered answer', '/products-1/_search?filter_path=hits.hits._id', query, 'unsupported-request'],
    ['no words', '/products-1/_search', { query: { match_all: {} } }, 'no-query-text'],
    ['a size that is none', '/products-1/_search', { ...query, size: true }, 'unsupported-request'],
    ['no size at all', '/products-1/_search', { ...query, size: null }, 'unsupported-request'],
    ['a size that is no decimal', '/products-1/_search?size=0x3', query, 'unsupported-request'],
  ] as [string, string, object, string][])(
    'passes %s, saying why in a header alone',
    async (_what, path, body, reason) => {
      const server = await played(answering(text));
      const { proxy } = await proxied(server);
      const answer = await search(proxy.url, path, body);
      expect(answer.body.toString()).toBe(text);
      expect(answer.headers['x-blockrank']).toBe(`unreranked; reason=${reason}`);
      expect(server.seen[0]!.url).toBe(path);
      expect(server.seen[0]!.body.toString()).toBe(JSON.stringify(body));
    },
  );

  it('passes a body without a type, which the server will refuse', async () => {
    const server = await played(answering(text));
    const { proxy, reranker } = await proxied(server);
    const path = '/products-1/_search';
    await ask(proxy.url, {
      method: 'POST',
      path,
      headers: { 'content-length': String(sized.length) },
      body: sized,
    });
    await ask(proxy.url, { method: 'POST', path, headers: { 'transfer-encoding': 'chunked' }, body: sized });
    expect(server.seen.map(({ body }) => body.toString())).toEqual([sized, sized]);
    expect(reranker.calls).toHaveLength(0);
  });

  it('streams the answer to a search that it leaves alone, whatever the deadline', async () => {
    const rest = event();
    const server = await played((_seen, response) => {
      response.writeHead(200, headers);
      response.write('{"first":1,');
      void rest.happened.then(() => setTimeout(() => response.end('"last":1}'), 100));
    });
    const { proxy } = await proxied(server, { stageOptions: { deadlineMs: 20 } });
    const socket = await socketTo(proxy.url);
    kept({ close: async () => socket.destroy() });
    const body = JSON.stringify({ ...query, sort: ['x'] });
    socket.write(
      `POST /products-1/_search HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await until(socket, /first/);
    rest.happen();
    expect(await until(socket, /last/)).toContain('last');
  });

  it('passes a body over the limit, however it comes', async () => {
    const server = await played(answering(text));
    const { proxy, reranker } = await proxied(server, { maxSearchBytes: 100_000 });
    const body = JSON.stringify({ ...query, padding: 'x'.repeat(300_000) });
    for (const framing of [{ 'content-length': String(body.length) }, { 'transfer-encoding': 'chunked' }]) {
      const answer = await ask(proxy.url, {
        method: 'POST',
        path: '/products-1/_search',
        headers: { ...asJson, ...framing },
        body,
      });
      expect(answer.body.toString()).toBe(text);
      expect(answer.headers['x-blockrank']).toBe('unreranked; reason=unsupported-request');
    }
    expect(server.seen.map((seen) => seen.body.toString())).toEqual([body, body]);
    const bomb = { ...asJson, 'content-encoding': 'gzip' };
    const packed = gzipSync(body);
    await ask(proxy.url, { method: 'POST', path: '/products-1/_search', headers: bomb, body: packed });
    expect(gunzipSync(server.seen[2]!.body).toString()).toBe(body);
    expect(reranker.calls).toHaveLength(0);
  });

  it('passes the request again when its answer is too large to be read', async () => {
    const server = await played(answering(text));
    const { proxy } = await proxied(server, { maxAnswerBytes: 50 });
    const answer = await search(proxy.url, '/products-1/_search', query);
    expect(answer.body.toString()).toBe(text);
    expect(answer.headers['x-blockrank']).toBe('unreranked; reason=unsupported-request');
    expect(server.seen.map((seen) => seen.body.toString())[1]).toBe(sized);
  });
});
