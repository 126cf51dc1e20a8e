/** What a proxy answers when the reranker, the cluster or the caller fails. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import {
  answering,
  answerOf,
  bodyOf,
  headers,
  hit,
  idsOf,
  jsonOf,
  query,
} from '../../support/doubles/played-searches.ts';
import { ask, event, played, playedRaw, search } from '../../support/doubles/proxy-setup.ts';
import { proxyStarter } from '../../support/doubles/proxy-starter.ts';

const kept = closedAfterEach();
const proxied = proxyStarter(kept);

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
