import { describe, expect, it } from 'vitest';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import { type Play, type Played, played, proxyBefore, search } from '../../support/doubles/proxy-setup.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a server answers has many shapes; tests assert on them.
type Json = any;

const kept = closedAfterEach();
const json = { 'content-type': 'application/json' };
// More digits than a number of JavaScript keeps: they prove that a hit's bytes were moved.
const hit = (id: string, title: string): string =>
  `{"_index":"products-1","_id":"${id}","_score":1.50,"_source":{"title":"${title}","n":12345678901234567890}}`;
const answer = (...hits: readonly string[]): string =>
  `{"took":1,"hits":{"total":{"value":2,"relation":"eq"},"max_score":1.50,"hits":[${hits.join(',')}]},"aggregations":{"a":{"value":1.0}}}`;
const first = answer(hit('p1', 'title 1'), hit('p2', 'title 2'));
const second = answer(hit('p2', 'title 2'), hit('p3', 'red stars'));
const isSecond = (body: string): boolean => body.includes('query_vector');

/** A cluster that answers first searches, and second ones as told. */
async function cluster(again: Play): Promise<Played> {
  const server = await played((seen, response, request) => {
    const body = seen.body.toString();
    const many = seen.url.startsWith('/_msearch');
    if (isSecond(body) && !many) return again(seen, response, request);
    const one = isSecond(body) ? second : first;
    response.writeHead(200, json).end(many ? `{"took":1,"responses":[${one}]}` : one);
  });
  kept(server);
  return server;
}

const readAnchor = async () => ({ values: Float32Array.of(0.6, 0.8), read: 2 });
const opened = async (target: string) =>
  kept(
    await proxyBefore(target, {
      reranker: fakeReranker({ readAnchor }),
      adapterOptions: { states: { kind: 'field', vector: true } },
      stageOptions: { secondSearch: { k: 20 } },
    }),
  );
const body = {
  query: { bool: { must: { match: { title: 'red stars' } }, filter: { term: { shop: 'n' } } } },
};

describe('a proxy that searches again', () => {
  it('asks with the headers of the caller, and moves the bytes of the hits that are new', async () => {
    const server = await cluster((_seen, response) => void response.writeHead(200, json).end(second));
    const { proxy } = await opened(server.url);
    const headers = { authorization: 'ApiKey abc' };
    const reply = await search(proxy.url, '/products-1/_search?routing=r', body, headers);
    const [, asked] = server.seen;
    expect(asked!.url).toContain('routing=r');
    expect(asked!.rawHeaders).toContain('ApiKey abc');
    expect(JSON.parse(asked!.body.toString())).toMatchObject({
      size: 20,
      knn: {
        field: 'blockrank_state.vector',
        k: 20,
        filter: { bool: { must: [{ match_all: {} }], filter: { term: { shop: 'n' } } } },
      },
    });
    const text = reply.body.toString();
    const { hits, aggregations, blockrank }: Json = JSON.parse(text);
    expect(hits.hits.map(({ _id }: Json) => _id)).toEqual(['p3', 'p1', 'p2']);
    expect(text.match(/"n":12345678901234567890/g)).toHaveLength(3);
    expect([hits.total.value, aggregations.a.value]).toEqual([2, 1]);
    expect(hits.hits[0].blockrank).toMatchObject({ fromSecondSearch: true });
    expect(blockrank.secondSearch).toMatchObject({ read: 2, found: 2, added: 1 });
    expect(reply.headers['x-blockrank']).toBe('reranked');
  });

  it('serves the next page of the same list in the same order', async () => {
    const server = await cluster((_seen, response) => void response.writeHead(200, json).end(second));
    const { proxy } = await opened(server.url);
    const texts = [];
    for (const from of [0, 2]) {
      const reply = await search(proxy.url, '/products-1/_search', { ...body, from, size: 2 });
      texts.push(reply.body.toString());
    }
    const ids = texts.flatMap((text) => JSON.parse(text).hits.hits.map(({ _id }: Json) => _id));
    expect(ids).toEqual(['p3', 'p1', 'p2']);
  });

  it('gives each caller the hits that the cluster shows to that caller', async () => {
    const server = await cluster((seen, response) => {
      const seesAll = seen.rawHeaders.includes('ApiKey all');
      response.writeHead(200, json).end(seesAll ? second : answer(hit('p2', 'title 2')));
    });
    const { proxy } = await opened(server.url);
    for (const key of ['all', 'some', 'all']) {
      const reply = await search(proxy.url, '/products-1/_search', body, { authorization: `ApiKey ${key}` });
      expect(reply.body.toString().includes('p3')).toBe(key === 'all');
    }
  });

  it('does so for each search of a multi-search', async () => {
    const server = await cluster(() => {});
    const { proxy } = await opened(server.url);
    const lines = [{ index: 'products-1' }, body].map((line) => `${JSON.stringify(line)}\n`).join('');
    const reply = await search(proxy.url, '/_msearch', lines, { 'content-type': 'application/x-ndjson' });
    const { responses }: Json = JSON.parse(reply.body.toString());
    expect(responses[0].hits.hits.map(({ _id }: Json) => _id)).toEqual(['p3', 'p1', 'p2']);
  });

  it.each([
    ['an error', 400, '{"error":{"type":"x","reason":"no field [blockrank_state.vector]"}}'],
    ['no JSON', 200, 'nonsense'],
  ])('gives the list of the first search where the second one gets %s', async (_what, status, text) => {
    const server = await cluster((_seen, response) => void response.writeHead(status, json).end(text));
    const { proxy } = await opened(server.url);
    const reply = await search(proxy.url, '/products-1/_search', body);
    const { hits, blockrank }: Json = JSON.parse(reply.body.toString());
    expect([reply.status, hits.hits.map(({ _id }: Json) => _id)]).toEqual([200, ['p1', 'p2']]);
    expect(blockrank).toMatchObject({ reranked: true, secondSearch: { added: 0, reason: 'error' } });
  });

  it('is turned off by the header of a request', async () => {
    const server = await cluster((_seen, response) => void response.writeHead(200, json).end(second));
    const { proxy } = await opened(server.url);
    const headers = { 'x-blockrank': JSON.stringify({ secondSearch: false }) };
    await search(proxy.url, '/products-1/_search', body, headers);
    expect(server.seen).toHaveLength(1);
  });
});
