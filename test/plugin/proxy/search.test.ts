import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import {
  aggregations,
  answering,
  answerOf,
  bodyOf,
  headers,
  hit,
  idsOf,
  jsonOf,
  query,
} from '../../support/doubles/played-searches.ts';
import { ask, played, search, socketTo, until } from '../../support/doubles/proxy-setup.ts';
import { proxyStarter } from '../../support/doubles/proxy-starter.ts';

const kept = closedAfterEach();
const proxied = proxyStarter(kept);

describe('a proxy answering searches', () => {
  it('gives the hits in reranked order, says so, and keeps what else the server sent', async () => {
    const server = await played(answering(answerOf('a', 'b', 'c')));
    const { proxy, reranker } = await proxied(server);
    const answer = await search(proxy.url, '/products-1/_search?pretty', query, { authorization: 'Basic x' });
    expect(idsOf(answer)).toEqual(['c', 'b', 'a']);
    expect(answer.headers).toMatchObject({
      'x-blockrank': 'reranked',
      'x-elastic-product': 'Elasticsearch',
      'content-type': headers['content-type'],
      warning: headers.warning,
      'content-length': String(answer.body.length),
    });
    expect(jsonOf(answer).blockrank).toMatchObject({ reranked: true, rankWindowSize: 3 });
    expect(reranker.calls[0]!.query.text).toBe('stars');
    const [seen] = server.seen;
    expect(seen!.url).toBe('/products-1/_search?pretty');
    expect(seen!.rawHeaders).toContain('Basic x');
    expect(bodyOf(seen!)).toEqual({ ...query, size: 100 });
  });

  it('keeps every byte of every hit, and of what stands beside them', async () => {
    const server = await played(answering(answerOf('a', 'b', 'c')));
    const { proxy } = await proxied(server, { adapterOptions: { marks: false } });
    const answer = await search(proxy.url, '/products-1/_search', query);
    expect(answer.body.toString()).toBe(answerOf('c', 'b', 'a'));
  });

  it.each([
    'application/json, text/plain, */*',
    'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'text/plain',
  ])('reranks for a caller that accepts "%s", who gets JSON of the servers too', async (accept) => {
    const server = await played(answering(answerOf('a', 'b')));
    const { proxy } = await proxied(server);
    expect(idsOf(await search(proxy.url, '/products-1/_search', query, { accept }))).toEqual(['b', 'a']);
  });

  it('takes no trailers along, which a body of known length cannot have', async () => {
    const server = await played((_seen, response) => {
      response.writeHead(200, { ...headers, trailer: 'X-Sum' });
      response.addTrailers([['X-Sum', '1']]);
      response.end(answerOf('a', 'b'));
    });
    const { proxy } = await proxied(server);
    const answer = await ask(proxy.url, {
      method: 'POST',
      path: '/products-1/_search',
      headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked', trailer: 'X-Check' },
      body: JSON.stringify(query),
    });
    expect(idsOf(answer)).toEqual(['b', 'a']);
    expect(server.seen).toHaveLength(1);
  });

  it.each(['products-*,-products-old', 'products-1', 'products-1,products-2'])(
    'reranks a search of %s, which are all named',
    async (index) => {
      const server = await played(answering(answerOf('a', 'b')));
      const { proxy } = await proxied(server);
      expect(idsOf(await search(proxy.url, `/${index}/_search`, query))).toEqual(['b', 'a']);
    },
  );

  it.each([200, 503])('gives the date of an answer with status %i on, and makes none up', async (status) => {
    const date = 'Thu, 01 Jan 1970 00:00:00 GMT';
    const server = await played((seen, response) => {
      response.sendDate = false;
      const more = seen.url.includes('dated') ? { date } : {};
      response.writeHead(status, { ...headers, ...more }).end(answerOf('a', 'b'));
    });
    const { proxy } = await proxied(server);
    const dated = await search(proxy.url, '/products-1/_search?dated', query);
    expect(dated.headers.date).toBe(date);
    expect((await search(proxy.url, '/products-1/_search', query)).headers).not.toHaveProperty('date');
  });

  it('adds only its marks to a hit', async () => {
    const server = await played(answering(answerOf('a', 'b')));
    const { proxy } = await proxied(server);
    const text = (await search(proxy.url, '/products-1/_search', query)).body.toString();
    for (const id of ['a', 'b']) expect(text).toContain(`${hit(id).slice(0, -1)},"blockrank":{"rank":`);
    expect(text).toContain(aggregations);
  });

  it("writes the reranker's scores when told so, and nothing else anew", async () => {
    const server = await played(answering(answerOf('a', 'b')));
    const { proxy } = await proxied(server, { adapterOptions: { scores: 'reranked', marks: false } });
    const text = (await search(proxy.url, '/products-1/_search', query)).body.toString();
    const scores = [...text.matchAll(/"_score":([\d.]+)/g)].map(([, score]) => Number(score));
    expect(scores[0]).toBeGreaterThan(scores[1]!);
    expect(JSON.parse(text)).toHaveProperty('hits.max_score', scores[0]);
    expect(text.replace(/"(_score|max_score)":[\d.]+/g, '"$1":1.0')).toBe(answerOf('b', 'a'));
  });

  it('changes no digit of a request that it widens, nor of its order', async () => {
    const server = await played(answering(answerOf('a', 'b')));
    const { proxy } = await proxied(server);
    const body =
      '{ "size" : 1 , "query":{"bool":{"must":{"match":{"title":"stars"}},"filter":{"term":{"long":9007199254740993}}}}, "z":1.0,"10":[1.0, 2] }';
    await search(proxy.url, '/products-1/_search', body);
    expect(server.seen[0]!.body.toString()).toBe(
      '{ "size" : 100, "query":{"bool":{"must":{"match":{"title":"stars"}},"filter":{"term":{"long":9007199254740993}}}}, "z":1.0,"10":[1.0, 2]}',
    );
  });

  it('gives the page that was asked for', async () => {
    const server = await played(answering(answerOf('a', 'b', 'c', 'd')));
    const { proxy } = await proxied(server);
    const answer = await search(proxy.url, '/products-1/_search?from=1&routing=x', { ...query, size: 2 });
    expect(idsOf(answer)).toEqual(['c', 'b']);
    expect(server.seen[0]!.url).toBe('/products-1/_search?routing=x');
    expect(bodyOf(server.seen[0]!)).toMatchObject({ from: 0, size: 100 });
  });

  it('takes out again what it fetched for reading alone, and keeps the bytes of the rest', async () => {
    const nested =
      '{"_id":"a","_score":1.0,"_source":{"list":[{"no":1},{"long":9007199254740993,"no":2},{"long":1.0}],"title":"t","body":"b"}}';
    const server = await played(answering(answerOf().replace('"hits":[]', `"hits":[${nested}]`)));
    const { proxy } = await proxied(server, { adapterOptions: { marks: false } });
    const some = await search(proxy.url, '/products-1/_search', { ...query, _source: ['list.long'] });
    expect(bodyOf(server.seen[0]!)['_source']).toEqual({ includes: ['list.long', 'title', 'body'] });
    expect(some.body.toString()).toContain('"_source":{"list":[{"long":9007199254740993},{"long":1.0}]}}');
    const none = await search(proxy.url, '/products-1/_search?_source=false', query);
    expect(none.body.toString()).toContain('"hits":[{"_id":"a","_score":1.0}]');
  });

  it('reranks what "q" asks, and names a content type for the body that it adds', async () => {
    const server = await played(answering(answerOf('a', 'b')));
    const { proxy, reranker } = await proxied(server);
    const accept = 'application/vnd.elasticsearch+json; compatible-with=8';
    const answer = await ask(proxy.url, {
      path: '/products-1/_search?q=bright%20stars',
      headers: { accept },
    });
    expect(idsOf(answer)).toEqual(['b', 'a']);
    expect(reranker.calls[0]!.query.text).toBe('bright stars');
    const { method, url, body, rawHeaders } = server.seen[0]!;
    expect({ method, url, body: body.toString() }).toEqual({
      method: 'GET',
      url: '/products-1/_search?q=bright%20stars',
      body: '{"size":100}',
    });
    expect(rawHeaders[rawHeaders.indexOf('Content-Type') + 1]).toBe(accept);
  });

  it('reads a compressed request, and asks for an answer that it can read', async () => {
    const server = await played(answering(answerOf('a', 'b')));
    const { proxy } = await proxied(server);
    const body = gzipSync(JSON.stringify(query));
    const packed = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const sent = async (encodings: string) => {
      const headers = { ...packed, 'accept-encoding': encodings };
      const answer = await ask(proxy.url, { method: 'POST', path: '/products-1/_search', headers, body });
      expect(idsOf(answer)).toEqual(['b', 'a']);
      expect(answer.headers['content-encoding']).toBeUndefined();
      return server.seen.at(-1)!.rawHeaders.map((name) => name.toLowerCase());
    };
    const readable = await sent('gzip, deflate;q=0.5');
    expect(readable[readable.indexOf('accept-encoding') + 1]).toBe('gzip, deflate;q=0.5');
    expect(readable).not.toContain('content-encoding');
    expect(await sent('zstd, gzip')).not.toContain('accept-encoding');
    const wide = gzipSync(JSON.stringify({ ...query, size: 100 }));
    await ask(proxy.url, { method: 'POST', path: '/products-1/_search', headers: packed, body: wide });
    expect(server.seen.at(-1)!.body.equals(wide), 'what is not changed stays compressed').toBe(true);
  });

  it('reads an answer that the server compressed', async () => {
    const server = await played((_seen, response) =>
      response.writeHead(200, { ...headers, 'content-encoding': 'gzip' }).end(gzipSync(answerOf('a', 'b'))),
    );
    const { proxy } = await proxied(server);
    const answer = await search(proxy.url, '/products-1/_search', query);
    expect(idsOf(answer)).toEqual(['b', 'a']);
    expect(answer.headers['content-encoding']).toBeUndefined();
  });

  it('waits for no second body of a caller that expects "100 Continue"', async () => {
    const server = await played(answering(answerOf('a', 'b')));
    const { proxy } = await proxied(server);
    const socket = await socketTo(proxy.url);
    kept({ close: async () => socket.destroy() });
    const body = JSON.stringify(query);
    socket.write(
      `POST /products-1/_search HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    expect(await until(socket, /\r\n\r\n/)).toMatch(/^HTTP\/1.1 100/);
    socket.write(body);
    expect(await until(socket, /"blockrank"/)).toContain('X-Blockrank: reranked');
  });
});

describe('a proxy answering multi-searches', () => {
  const line = (value: object) => `${JSON.stringify(value)}\n`;
  const headerLine = (value: object) => line(value).replace('{', '{ ');

  it('reranks the searches of named indices and keeps the bytes of all others, errors included', async () => {
    const error = '{"error":{"type":"index_not_found_exception","n":1.0},"status":404}';
    const plain = answerOf('x', 'y');
    const server = await played(
      answering(`{"took":3,"responses":[${answerOf('a', 'b')},${plain},${error},${plain}]}`),
    );
    const { proxy } = await proxied(server);
    const sort = { ...query, sort: ['price'], size: 5 };
    const lines = [
      headerLine({ index: 'products-1' }),
      line(query),
      headerLine({ index: ['other'] }),
      '{"query":{"term":{"long":9007199254740993}}}\n',
      headerLine({ index: 'products-none' }),
      line(query),
      headerLine({}),
      line(sort),
    ];
    const answer = await search(proxy.url, '/products-*/_msearch', lines.join(''), {
      'content-type': 'application/x-ndjson',
    });
    expect(answer.headers['x-blockrank']).toBe('reranked; searches=1/4');
    const { responses } = jsonOf(answer);
    expect(responses[0]!.hits.hits.map(({ _id }) => _id)).toEqual(['b', 'a']);
    expect(responses[2]!.error).toBeDefined();
    const text = answer.body.toString();
    expect(text.startsWith('{"took":3,"responses":[')).toBe(true);
    expect(text).toContain(`,${plain},${error},${plain}]}`);
    const sent = server.seen[0]!.body.toString().split('\n');
    // Widened ones get another size; header lines, untouched searches and the last line's end stay as they came.
    expect(sent[0]).toBe(lines[0]!.trimEnd());
    expect(JSON.parse(sent[1]!)).toEqual({ ...query, size: 100 });
    expect(sent[3]).toBe(lines[3]!.trimEnd());
    expect(sent[7]).toBe(lines[7]!.trimEnd());
    expect(sent[8]).toBe('');
  });

  it('passes a multi-search untouched when no search of it is to be reranked', async () => {
    const text = `{"took":3,"responses":[${answerOf('a', 'b')}]}`;
    const server = await played(answering(text));
    const { proxy } = await proxied(server);
    const body = `{ "index":"products-1"}\n{"sort":["x"] , "query":{"match":{"title":"q"}}}\n`;
    const answer = await search(proxy.url, '/_msearch', body, { 'content-type': 'application/x-ndjson' });
    expect(answer.body.toString()).toBe(text);
    expect(answer.headers['x-blockrank']).toBe('unreranked; reason=explicit-sort');
    expect(server.seen.map((seen) => seen.body.toString())).toEqual([body]);
  });
});

describe('the header x-blockrank', () => {
  it('turns reranking off and on, changes what is asked, and never reaches the server', async () => {
    const server = await played(answering(answerOf('a', 'b', 'c')));
    const { proxy, reranker } = await proxied(server);
    const off = await search(proxy.url, '/products-1/_search', query, { 'x-blockrank': 'off' });
    expect(off.body.toString()).toBe(answerOf('a', 'b', 'c'));
    expect(off.headers['x-blockrank']).toBe('unreranked; reason=disabled');
    const on = await search(proxy.url, '/other/_search', query, { 'X-Blockrank': 'on' });
    expect(idsOf(on)).toEqual(['c', 'b', 'a']);
    const wish = JSON.stringify({ topN: 1, rankWindowSize: 50, queryText: 'caf\u00e9', explain: true });
    const latin = Buffer.from(wish).toString('latin1');
    const wished = await search(proxy.url, '/other/_search', query, { 'x-blockrank': latin });
    expect(idsOf(wished)).toEqual(['c']);
    expect(jsonOf(wished).hits.hits[0]!.blockrank).toHaveProperty('explanation');
    expect(reranker.calls.at(-1)!.query.text).toBe('caf\u00e9');
    expect(bodyOf(server.seen[2]!)['size']).toBe(50);
    await ask(proxy.url, { path: '/_cat/indices', headers: { 'x-blockrank': 'on' } });
    const names = server.seen.flatMap(({ rawHeaders }) => rawHeaders).map((name) => name.toLowerCase());
    expect(names).not.toContain('x-blockrank');
  });

  it.each([
    ['no JSON', 'perhaps', 'it is no JSON'],
    ['an unknown key', '{"window":1}', 'window'],
    ['a wrong number', '{"topN":0}', 'topN'],
    ['a list longer than the window', '{"topN":101}', 'topN in 1..rankWindowSize'],
  ])('is refused with 400 when it holds %s', async (_what, value, words) => {
    const server = await played(answering(answerOf('a')));
    const { proxy } = await proxied(server);
    const answer = await search(proxy.url, '/products-1/_search', query, { 'x-blockrank': value });
    expect(answer.status).toBe(400);
    expect(jsonOf(answer).error.type).toBe('illegal_argument_exception');
    expect(jsonOf(answer).error.reason).toContain(words);
    expect(server.seen).toHaveLength(0);
  });
});
