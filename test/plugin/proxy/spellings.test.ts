import { describe, expect, it } from 'vitest';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import { ask, played, proxyBefore, type Setup } from '../../support/doubles/proxy-setup.ts';

const kept = closedAfterEach();
const hit = (id: string) => `{"_index":"products-1","_id":"${id}","_score":1,"_source":{"title":"${id}"}}`;
const hits = `{"hits":{"hits":[${hit('a')},${hit('b')}]}}`;
const query = '{"query":{"match":{"title":"stars"}}}';

interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly body?: string;
}

/** What the caller got, and what the cluster was asked for. */
async function asked({ method = 'POST', path, body = query }: Asked) {
  const server = kept(
    await played(({ url }, response) => {
      const text = url.includes('_msearch') ? `{"responses":[${hits}]}` : hits;
      response.writeHead(200, { 'content-type': 'application/json' }).end(text);
    }),
  );
  const { proxy }: Setup = kept(await proxyBefore(server.url));
  const isEmpty = body === '';
  const headers = isEmpty
    ? {}
    : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) };
  const answer = await ask(proxy.url, { method, path, headers, ...(!isEmpty && { body }) });
  const ids = [...answer.body.toString().matchAll(/"_id":"(.)"/g)].map(([, id]) => id);
  return { mark: answer.headers['x-blockrank'], ids: ids.join(''), urls: server.seen.map(({ url }) => url) };
}

describe('a proxy, asked for a search', () => {
  it.each([
    ['with a slash at its end', '/products-1/_search/'],
    ['with several', '/products-1/_search//'],
    ['with a slash before its parameters', '/products-1/_search/?pretty'],
    ['with an encoded name', '/products%2D1/_search'],
    ['with an encoded comma', '/products-1%2Cproducts-2/_search'],
  ])('%s, reranks it and asks for it as it was spelled', async (_how, path) => {
    expect(await asked({ path })).toEqual({ mark: 'reranked', ids: 'ba', urls: [path] });
  });

  it.each([
    ['POST', '/products-1/_msearch/', `{}\n${query}\n`],
    ['POST', '/_msearch/', `{"index":"products-1"}\n${query}\n`],
    ['GET', '/_msearch', `{"index":["products-1"]}\n${query}\n`],
  ])('reranks several by %s %s', async (method, path, body) => {
    const { mark, ids } = await asked({ method, path, body });
    expect([mark, ids]).toEqual(['reranked; searches=1/1', 'ba']);
  });

  it('reranks what is asked by GET, with and without a body', async () => {
    expect(await asked({ method: 'GET', path: '/products-1/_search/' })).toMatchObject({ mark: 'reranked' });
    const inAddress = { method: 'GET', path: '/products-1/_search/?q=stars', body: '' };
    expect(await asked(inAddress)).toMatchObject({ mark: 'reranked', ids: 'ba' });
  });

  it.each([
    ['a template with a slash at its end', '/products-1/_search/template/'],
    ['several templates', '/products-1/_msearch/template/'],
    ['an asynchronous search', '/products-1/_async_search/'],
    ['a type, which servers before 8 had', '/products-1/_doc/_search'],
    ['its index among the parameters', '/_search?index=products-1'],
  ])('passes one with %s, and says that it does', async (_how, path) => {
    const { mark, ids, urls } = await asked({ path });
    expect([mark, ids, urls]).toEqual(['unreranked; reason=unsupported-request', 'ab', [path]]);
  });

  it.each([
    ['HEAD', '/products-1/_search/'],
    ['POST', '/products-1//_search'],
    ['POST', '/products-1/%5Fsearch'],
    ['POST', '//_search'],
    ['POST', '/_search/'],
    ['POST', '/_search?index=other'],
    ['POST', '/products-1/_count/'],
    ['POST', '/products-1/_search/scroll'],
  ])('passes %s %s without a word', async (method, path) => {
    const { mark, urls } = await asked({ method, path });
    expect([mark, urls]).toEqual([undefined, [path]]);
  });
});
