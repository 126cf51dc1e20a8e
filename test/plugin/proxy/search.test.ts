import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import {
  type Answer,
  ask,
  event,
  type Play,
  type Played,
  played,
  playedRaw,
  proxyBefore,
  type Seen,
  type Setup,
  type SetupOptions,
  search,
  socketTo,
  until,
} from '../../support/doubles/proxy-setup.ts';

const open: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function proxied(server: Played, options?: SetupOptions): Promise<Setup> {
  open.push(() => server.close());
  const setup = await proxyBefore(server.url, options);
  open.push(() => setup.close());
  return setup;
}

/** Hits with what `JSON.parse` and `JSON.stringify` would spoil: long numbers, floats, order of names, escapes. */
const hit = (id: string) =>
  `{"_index":"products-1","_id":"${id}","_score":1.0,"_source":{"title":"${id}","z":1,"10":2,"long":9007199254740993,"float":1.0${'0'.repeat(id.charCodeAt(0) - 97)},"exp":1E5,"text":"\\u00e9\\/\u00e9"}}`;
const aggregations = '"aggregations":{"max":{"value":1.0,"sum":9007199254740993}}';
const answerOf = (...ids: readonly string[]) =>
  `{"took":1,"timed_out":false,"hits":{"total":{"value":${ids.length},"relation":"eq"},"max_score":1.0,"hits":[${ids.map(hit).join(',')}]},${aggregations}}`;
const headers = {
  'content-type': 'application/vnd.elasticsearch+json;compatible-with=9',
  'X-elastic-product': 'Elasticsearch',
  warning: '299 - "w"',
};

const answering =
  (text: string, status = 200): Play =>
  (_seen, response) =>
    response.writeHead(status, headers).end(text);

const query = { query: { match: { title: 'stars' } } };
const jsonOf = ({ body }: Pick<Answer, 'body'>) =>
  JSON.parse(body.toString()) as {
    hits: { hits: { _id: string; _source?: unknown; blockrank?: object }[] };
    blockrank?: { reranked: boolean; reason?: string };
    responses: { hits: { hits: { _id: string }[] }; error?: { type: string }; blockrank?: object }[];
    error: { type: string; reason: string };
  };
const idsOf = (answer: Answer) => jsonOf(answer).hits.hits.map(({ _id }) => _id);
const bodyOf = ({ body }: Seen) => JSON.parse(body.toString()) as Record<string, unknown>;

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
    open.push(async () => socket.destroy());
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
    open.push(async () => socket.destroy());
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

describe('a proxy when something fails', () => {
  const failing = () => fakeReranker({ fault: () => Promise.reject(new Error('the device is gone')) });

  it('gives the error of a search back byte by byte, with its status', async () => {
    const text = '{"error":{"type":"x","n":1.0},"status":503}';
    const server = await played(answering(text, 503));
    const { proxy } = await proxied(server);
    const answer = await search(proxy.url, '/products-1/_search', query);
    expect({ status: answer.status, text: answer.body.toString() }).toEqual({ status: 503, text });
    expect(answer.headers['content-type']).toBe(headers['content-type']);
    expect(server.seen).toHaveLength(1);
  });

  it('gives an answer without a body back as it came', async () => {
    const server = await played((_seen, response) => response.writeHead(204).end());
    const { proxy } = await proxied(server);
    const answer = await search(proxy.url, '/products-1/_search', query);
    expect(answer.status).toBe(204);
    expect(answer.headers).not.toHaveProperty('content-length');
  });

  it('gives a compressed error back as it came', async () => {
    const text = gzipSync('{"error":{"type":"x"},"status":429}');
    const server = await played((_seen, response) =>
      response.writeHead(429, { ...headers, 'content-encoding': 'gzip' }).end(text),
    );
    const { proxy } = await proxied(server);
    const answer = await search(proxy.url, '/products-1/_search', query, { 'accept-encoding': 'gzip' });
    expect({ status: answer.status, encoding: answer.headers['content-encoding'] }).toEqual({
      status: 429,
      encoding: 'gzip',
    });
    expect(answer.body.equals(text)).toBe(true);
  });

  it.each([
    [400, '{"error":"window"}'],
    [429, '{"error":{"type":"circuit_breaking_exception"}}'],
  ])('asks as the caller asked when the server refuses with %i what was widened', async (status, text) => {
    const server = await played((seen, response) => {
      const isWide = bodyOf(seen)['size'] === 100;
      response.writeHead(isWide ? status : 200, headers).end(isWide ? text : answerOf('a', 'b'));
    });
    const { proxy } = await proxied(server);
    const answer = await search(proxy.url, '/products-1/_search', query);
    expect(answer.body.toString()).toBe(answerOf('a', 'b'));
    expect(answer.headers['x-blockrank']).toBe('unreranked; reason=first-stage-error');
  });

  it('gives an answer back untouched that is none of a search', async () => {
    const server = await played(answering('{"acknowledged":1.0}'));
    const { proxy } = await proxied(server);
    const answer = await search(proxy.url, '/products-1/_search', { ...query, size: 100 });
    expect(answer.body.toString()).toBe('{"acknowledged":1.0}');
  });

  it('keeps the order and the page of the server when reranking fails, and says so', async () => {
    const server = await played(answering(answerOf('a', 'b', 'c')));
    const { proxy } = await proxied(server, { reranker: failing() });
    const answer = await search(proxy.url, '/products-1/_search', { ...query, from: 1, size: 1 });
    expect(idsOf(answer)).toEqual(['b']);
    expect(answer.body.toString()).toContain(`"hits":[${hit('b')}]`);
    expect(answer.headers['x-blockrank']).toBe('unreranked; reason=rerank-error');
    expect(jsonOf(answer).blockrank).toMatchObject({ reranked: false, reason: 'rerank-error' });
  });

  it('answers 500 when reranking fails and the stage is to throw', async () => {
    const server = await played(answering(answerOf('a', 'b')));
    const { proxy } = await proxied(server, { reranker: failing(), stageOptions: { onFailure: 'throw' } });
    const answer = await search(proxy.url, '/products-1/_search', query);
    expect(answer.status).toBe(500);
    expect(jsonOf(answer).error).toMatchObject({ type: 'rerank_exception' });
    expect(jsonOf(answer).error.reason).toContain('the device is gone');
  });

  it('keeps the order of the server when the deadline passes while reranking', async () => {
    const server = await played(answering(answerOf('a', 'b')));
    const { proxy } = await proxied(server, {
      reranker: fakeReranker({ delayMs: 2000 }),
      stageOptions: { deadlineMs: 50 },
    });
    const answer = await search(proxy.url, '/products-1/_search', query);
    expect(idsOf(answer)).toEqual(['a', 'b']);
    expect(answer.headers['x-blockrank']).toBe('unreranked; reason=deadline');
  });

  it.each([
    ['/products-1/_search', JSON.stringify({ ...query, size: 1 }), 'application/json'],
    ['/products-1/_msearch', `{}\n${JSON.stringify({ ...query, size: 1 })}\n`, 'application/x-ndjson'],
  ])(
    'still gives the answer to %s of a server that took longer than the deadline',
    async (path, body, type) => {
      const many = `{"took":1,"responses":[${answerOf('a', 'b')}]}`;
      const server = await played((_seen, response) => {
        setTimeout(
          () => response.writeHead(200, headers).end(path.includes('_msearch') ? many : answerOf('a', 'b')),
          150,
        );
      });
      const { proxy, reranker } = await proxied(server, { stageOptions: { deadlineMs: 30 } });
      const answer = await search(proxy.url, path, body, { 'content-type': type });
      expect(answer.status).toBe(200);
      expect(answer.body.toString()).toContain(`"hits":[${hit('a')}]`);
      expect(answer.headers['x-blockrank']).toMatch(/^unreranked; reason=deadline/);
      expect(reranker.calls).toHaveLength(0);
      expect(server.seen).toHaveLength(1);
    },
  );

  it('answers 504 after the deadline when the stage is to throw', async () => {
    const server = await played((_seen, response) => {
      setTimeout(() => response.end(), 1000);
    });
    const { proxy } = await proxied(server, { stageOptions: { deadlineMs: 30, onFailure: 'throw' } });
    const answer = await search(proxy.url, '/products-1/_search', query);
    expect(answer.status).toBe(504);
    expect(jsonOf(answer).error.type).toBe('timeout_exception');
  });

  it('ends search and reranking when the caller leaves', async () => {
    const asked = event();
    const left = event();
    const silent = await playedRaw((request) => {
      request.socket.once('close', left.happen);
      asked.happen();
    });
    const { proxy } = await proxied(silent);
    const caller = new AbortController();
    const body = JSON.stringify(query);
    const leaving = ask(proxy.url, {
      method: 'POST',
      path: '/products-1/_search',
      signal: caller.signal,
      headers: asJsonHeaders(body),
      body,
    });
    await asked.happened;
    caller.abort();
    await expect(leaving).rejects.toThrow();
    await left.happened;
    const ranking = event();
    const reranker = fakeReranker({
      fault: () => {
        ranking.happen();
        return new Promise(() => {});
      },
    });
    const server = await played(answering(answerOf('a', 'b')));
    const slow = await proxied(server, { reranker });
    const second = new AbortController();
    const waiting = ask(slow.proxy.url, {
      method: 'POST',
      path: '/products-1/_search',
      signal: second.signal,
      headers: asJsonHeaders(body),
      body,
    });
    await ranking.happened;
    second.abort();
    await expect(waiting).rejects.toThrow();
    await expect.poll(() => reranker.abortedCalls).toBe(1);
  });
});

function asJsonHeaders(body: string): Record<string, string> {
  return { 'content-type': 'application/json', 'content-length': String(body.length) };
}
