import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  longestTimerMs,
  type RemoteRerankerOptions,
  RemoteServiceError,
  type Reranker,
  remoteReranker,
  type Shortlist,
} from '../../../engine/index.ts';
import { rerankerSuite } from '../../../plugin/testing/index.ts';
import {
  type AnsweringServer,
  type AskedRequest,
  answeringServer,
  sendJson,
} from '../../support/doubles/answering-server.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

/** A Cohere service that scores a document by the query's words that it holds. */
async function cohere(
  misbehave: (response: ServerResponse, asked: AskedRequest, call: number) => boolean = () => false,
): Promise<AnsweringServer> {
  let calls = 0;
  const server = await answeringServer((response, asked) => {
    calls += 1;
    if (misbehave(response, asked, calls)) return;
    const { query, documents } = JSON.parse(asked.body) as { query: string; documents: string[] };
    const words = query.toLowerCase().split(/\s+/);
    const results = documents.map((text, index) => ({
      index,
      relevance_score: words.filter((word) => text.toLowerCase().includes(word)).length / (words.length + 1),
    }));
    sendJson(response, 200, { id: 'x', results });
  });
  open.push(server);
  return server;
}

function openRemote(url: string, options: Partial<RemoteRerankerOptions> = {}): Reranker {
  const reranker = remoteReranker({ api: 'cohere', url: `${url}/v2/rerank`, ...options });
  open.push(reranker);
  return reranker;
}

const shortlist: Shortlist = {
  query: { text: 'dogs bark' },
  candidates: ['birds', 'dogs bark', 'dogs'].map((text, i) => ({ docId: String(i), text, segments: [] })),
  firstStage: 'unknown',
};

rerankerSuite({
  name: 'a remote service',
  open: async () => {
    const server = await cohere();
    return remoteReranker({ api: 'cohere', url: `${server.url}/v2/rerank` });
  },
});

describe('a remote reranker', () => {
  it('orders by the service’s scores, and hands its key, its model and the time that is left on', async () => {
    const headers: Record<string, string> = {};
    const server = await cohere();
    const fetchOf: typeof fetch = (input, init) => {
      Object.assign(headers, init?.headers);
      return fetch(input, init);
    };
    const reranker = openRemote(server.url, { apiKey: 'K', model: 'rerank-v3.5', fetch: fetchOf });
    const { candidates } = await reranker.rerank(shortlist, { deadlineMs: 5000 });
    expect(candidates.map(({ index }) => index)).toEqual([1, 2, 0]);
    expect(candidates[0]!.calibratedScore).toBeCloseTo(2 / 3);
    expect(headers['authorization']).toBe('Bearer K');
    expect(Number(headers['x-blockrank-deadline-ms'])).toBeLessThanOrEqual(5000);
    expect(JSON.parse(server.asked[0]!.body)).toMatchObject({ model: 'rerank-v3.5', top_n: 3 });
  });

  it('tries again what may pass, waiting as long as it is asked to, and tells of it', async () => {
    const retried: RemoteServiceError[] = [];
    const server = await cohere((response, _asked, call) => {
      if (call > 1) return false;
      response.writeHead(429, { 'retry-after': '0.2' }).end('{"message":"slow down"}');
      return true;
    });
    const reranker = openRemote(server.url, { onRetry: (error) => retried.push(error) });
    const started = performance.now();
    await reranker.rerank(shortlist);
    expect(performance.now() - started).toBeGreaterThanOrEqual(190);
    expect(retried).toMatchObject([{ statusCode: 429, isTransient: true, retryAfterMs: 200 }]);
    expect(server.asked).toHaveLength(2);
  });

  it.each([408, 425, 429, 500, 502, 503, 504])('tries a status %i again: it may pass', async (status) => {
    const server = await cohere((response, _asked, call) => {
      if (call === 1) response.writeHead(status).end();
      return call === 1;
    });
    await expect(openRemote(server.url).rerank(shortlist)).resolves.toBeDefined();
    expect(server.asked).toHaveLength(2);
  });

  it('tries again who cannot be reached, a little later each time', async () => {
    const times: number[] = [];
    const fetchOf = (): Promise<never> => {
      times.push(performance.now());
      return Promise.reject(new TypeError('fetch failed', { cause: { code: 'ECONNREFUSED' } }));
    };
    const reranker = openRemote('http://127.0.0.1:9', { retries: 2, fetch: fetchOf });
    await expect(reranker.rerank(shortlist)).rejects.toThrow('ECONNREFUSED');
    const [first, second, third] = times;
    expect(times).toHaveLength(3);
    expect(second! - first!).toBeGreaterThanOrEqual(99);
    expect(third! - second!).toBeGreaterThanOrEqual(199);
  });

  it('reads a date to wait for', async () => {
    const retried: RemoteServiceError[] = [];
    const server = await cohere((response, _asked, call) => {
      const retryAfter = new Date(Date.now() + 60_000).toUTCString();
      if (call === 1) response.writeHead(503, { 'retry-after': retryAfter }).end();
      return call === 1;
    });
    const error = await openRemote(server.url, { onRetry: (one) => retried.push(one) })
      .rerank(shortlist)
      .catch((caught) => caught);
    expect(error.retryAfterMs).toBeGreaterThan(50_000);
    expect(retried).toEqual([]);
  });

  it.each([400, 401, 403, 404, 422])('never tries a status %i again: the operator acts', async (status) => {
    const server = await cohere((response) => {
      response.writeHead(status).end('{"message":"invalid api token"}');
      return true;
    });
    const error = await openRemote(server.url, { retries: 3 })
      .rerank(shortlist)
      .catch((caught) => caught);
    expect(error).toBeInstanceOf(RemoteServiceError);
    expect(error).toMatchObject({ statusCode: status, isTransient: false, code: 'remote-configuration' });
    expect(error.message).toContain('invalid api token');
    expect(server.asked).toHaveLength(1);
  });

  it('gives up after its tries, and at once when it is asked to wait too long', async () => {
    const failing = await cohere((response) => {
      response.writeHead(500).end();
      return true;
    });
    await expect(openRemote(failing.url, { retries: 2 }).rerank(shortlist)).rejects.toMatchObject({
      statusCode: 500,
      code: 'remote-transient',
    });
    expect(failing.asked).toHaveLength(3);
    const full = await cohere((response) => {
      response.writeHead(503, { 'retry-after': '60' }).end();
      return true;
    });
    await expect(openRemote(full.url, { retries: 2 }).rerank(shortlist)).rejects.toMatchObject({
      retryAfterMs: 60_000,
    });
    expect(full.asked).toHaveLength(1);
  });

  it.each([
    ['text that is not JSON', 'hello'],
    ['no results', '{"id":"x"}'],
    ['a score too few', '{"results":[{"index":0,"relevance_score":0.1}]}'],
    ['a document twice', '{"results":[{"index":0,"relevance_score":0.1},{"index":0,"relevance_score":0.2}]}'],
    ['a document that was not sent', '{"results":[{"index":7,"relevance_score":0.1}]}'],
    ['a score that is none', '{"results":[{"index":0,"relevance_score":null}]}'],
  ])('refuses an answer with %s', async (_what, body) => {
    const server = await cohere((response) => {
      response.end(body);
      return true;
    });
    await expect(openRemote(server.url).rerank(shortlist)).rejects.toMatchObject({ isTransient: false });
  });

  it('gives up on a service that hangs, that is not there, and that redirects', async () => {
    const hanging = await cohere(() => true);
    const error = await openRemote(hanging.url, { timeoutMs: 50, retries: 0 })
      .rerank(shortlist)
      .catch((e) => e);
    expect(error).toMatchObject({ isTransient: true });
    expect(error.message).toContain('no answer within 50 ms');
    await expect(openRemote('http://127.0.0.1:9', { retries: 0 }).rerank(shortlist)).rejects.toThrow(
      'Cannot rerank',
    );
    const elsewhere = await cohere((response) => {
      response.writeHead(307, { location: 'http://169.254.169.254/' }).end();
      return true;
    });
    await expect(openRemote(elsewhere.url, { retries: 0 }).rerank(shortlist)).rejects.toThrow(
      RemoteServiceError,
    );
  });

  type Entries = (scoreKey: string) => object[];
  const asked = { query: 'dogs bark', documents: ['birds', 'dogs bark', 'dogs'], model: 'm' };
  const { documents: texts, query } = asked;
  const usage = { total_tokens: 7 };
  it.each([
    ['cohere', { ...asked, top_n: 3 }, (of: Entries) => ({ id: 'x', results: of('relevance_score') }), 0],
    [
      'jina',
      { ...asked, top_n: 3, return_documents: false },
      (of: Entries) => ({ model: 'm', usage, results: of('relevance_score') }),
      7,
    ],
    [
      'voyage',
      { ...asked, truncation: true },
      (of: Entries) => ({ object: 'list', data: of('relevance_score'), model: 'm', usage }),
      7,
    ],
    [
      'tei',
      { query, texts, truncate: true, raw_scores: false, return_text: false },
      (of: Entries) => of('score'),
      0,
    ],
  ] as const)('speaks the form of %s', async (api, request, answer, tokens) => {
    const entries: Entries = (scoreKey) =>
      [0.1, 0.9, 0.4].map((score, index) => ({ index, [scoreKey]: score })).toReversed();
    const server = await answeringServer((response) => sendJson(response, 200, answer(entries)));
    open.push(server);
    const ranking = await openRemote(server.url, { api, model: 'm' }).rerank(shortlist);
    expect(JSON.parse(server.asked[0]!.body)).toEqual(request);
    expect(ranking.candidates.map(({ index, calibratedScore }) => [index, calibratedScore])).toEqual([
      [1, 0.9],
      [2, 0.4],
      [0, 0.1],
    ]);
    expect(ranking.usage.tokens).toBe(tokens);
  });

  it('sends TEI no more than 32 texts at once', async () => {
    const server = await answeringServer((response, { body }) => {
      const { texts } = JSON.parse(body) as { texts: string[] };
      sendJson(
        response,
        200,
        texts.map((_text, index) => ({ index, score: 0.5 })),
      );
    });
    open.push(server);
    const candidates = Array.from({ length: 65 }, (_, i) => ({
      docId: String(i),
      text: `${i}`,
      segments: [],
    }));
    const { candidates: ranked } = await openRemote(server.url, { api: 'tei' }).rerank({
      ...shortlist,
      candidates,
    });
    const sizes = server.asked.map(({ body }) => (JSON.parse(body) as { texts: string[] }).texts.length);
    expect([sizes, ranked.length]).toEqual([[32, 32, 1], 65]);
  });

  it('sends a long list in parts and merges them by score', async () => {
    const server = await cohere();
    const { candidates } = await openRemote(server.url, { maxDocuments: 2 }).rerank(shortlist);
    expect(server.asked).toHaveLength(2);
    expect(candidates.map(({ index }) => index)).toEqual([1, 2, 0]);
  });

  it('gives each part and each attempt the time that is left, and ends them all with the caller', async () => {
    const left: number[] = [];
    const server = await cohere((response, _asked, call) => {
      if (call > 1) return false;
      setTimeout(() => response.writeHead(500).end(), 50);
      return true;
    });
    const fetchOf: typeof fetch = (input, init) => {
      left.push(Number(new Headers(init?.headers).get('x-blockrank-deadline-ms')));
      return fetch(input, init);
    };
    const reranker = openRemote(server.url, { maxDocuments: 2, timeoutMs: 1e6, fetch: fetchOf });
    await reranker.rerank(shortlist, { deadlineMs: 900_000 });
    const [first, again, next] = left;
    expect(first).toBeLessThanOrEqual(900_000);
    expect(first).toBeGreaterThan(600_000); // a part gets all the time that is left, not its share
    expect(again).toBeLessThanOrEqual(first! - 50 - 90); // what the attempt took, and the wait after it
    expect(next).toBeLessThanOrEqual(again!);
    const hanging = await cohere(() => true);
    const ended = openRemote(hanging.url, { timeoutMs: 1e6 }).rerank(shortlist, { deadlineMs: 60 });
    await expect(ended).rejects.toMatchObject({ isTransient: true });
  });

  it.each([Number.POSITIVE_INFINITY, 2 ** 31])(
    'waits for as long as a timer can where %s ms are allowed, and says so',
    async (timeoutMs) => {
      const left: (string | null)[] = [];
      const server = await cohere();
      const fetchOf: typeof fetch = async (input, init) => {
        left.push(new Headers(init?.headers).get('x-blockrank-deadline-ms'));
        // Longer than Node would wait for a time that its timers cannot hold, which is 1 ms.
        await new Promise((resolve) => setTimeout(resolve, 20));
        return fetch(input, init);
      };
      const { candidates } = await openRemote(server.url, { timeoutMs, retries: 0, fetch: fetchOf }).rerank(
        shortlist,
      );
      expect(candidates.map(({ index }) => index)).toEqual([1, 2, 0]);
      expect(left).toEqual([String(longestTimerMs)]);
    },
  );

  it('hangs up on a service whose caller has gone, and asks it no more', async () => {
    let hungUp = 0;
    const server = await cohere((response) => {
      response.on('close', () => {
        hungUp += 1;
      });
      return true;
    });
    const caller = new AbortController();
    const asking = openRemote(server.url, { retries: 3, timeoutMs: 600_000 }).rerank(shortlist, {
      signal: caller.signal,
    });
    while (server.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    caller.abort(new Error('gone'));
    await expect(asking).rejects.toThrow('gone');
    while (hungUp === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(server.asked).toHaveLength(1);
  });

  it('names no key and no document in its errors', async () => {
    const server = await cohere((response, asked) => {
      response.writeHead(500).end(asked.body);
      return true;
    });
    const authorizations: (string | null)[] = [];
    const fetchOf: typeof fetch = (input, init) => {
      authorizations.push(new Headers(init?.headers).get('authorization'));
      return fetch(input, init);
    };
    const url = server.url.replace('http://', 'http://user:secret@');
    const named = await openRemote(url, { retries: 0, fetch: fetchOf })
      .rerank(shortlist)
      .catch((e) => e);
    expect([named.statusCode, ...authorizations]).toEqual([500, `Basic ${btoa('user:secret')}`]);
    expect(`${named.message}${named.url}`).not.toMatch(/secret|birds/);
    const error = await openRemote(server.url, { apiKey: 'K-secret', retries: 0 })
      .rerank(shortlist)
      .catch((e) => e);
    expect(`${error.message}${error.url}`).not.toMatch(/secret|birds/);
  });

  it('lists everything that is wrong with its options', () => {
    const open = () => remoteReranker({ api: 'bing', url: 'ftp://x', retries: -1, maxDocuments: 0 } as never);
    expect(open).toThrow(ConfigurationError);
    expect(open).toThrow(/api: .*url: .*maxDocuments: .*retries: /s);
  });
});
