/** What keeps the service up in production. Each test fails when the part that it names is taken out. */
import { execFileSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { describe, expect, it } from 'vitest';
import { DeadlineExceededError, wrapped } from '../../../engine/index.ts';
import { hashKey } from '../../../plugin/service/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { collectGarbage } from '../../support/checks/heap.ts';
import { gatedReranker } from '../../support/doubles/gated-reranker.ts';
import { memoryLogger, serviceStarter } from '../../support/servers/test-service.ts';

const start = serviceStarter();

const ask = (text = 'dogs'): object => ({ query: 'dogs', documents: [text, 'cats'] });
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('API keys', () => {
  const key = 'k'.repeat(32);
  const other = 'o'.repeat(32);
  const keys = [
    { tenant: 'shop', sha256: hashKey(key), models: ['small'] },
    { tenant: 'lab', key: other },
  ];
  const models = ['small', 'large'].map((name) => ({ name, reranker: fakeReranker() }));

  it('let in who shows one, by either header, and nobody else', async () => {
    const { post, url } = await start({ config: { keys }, models });
    expect((await post('/v1/rerank', ask())).status).toBe(401);
    expect((await post('/v1/rerank', ask(), { authorization: `Bearer ${'x'.repeat(32)}` })).status).toBe(401);
    expect((await post('/v1/rerank', ask(), { authorization: `Basic ${key}` })).status).toBe(401);
    expect((await post('/v1/rerank', ask(), { authorization: `Bearer ${key}` })).status).toBe(200);
    expect((await post('/rerank', { query: 'a', texts: ['b'] }, { 'x-api-key': other })).status).toBe(200);
    expect((await fetch(`${url}/v1/models`)).status).toBe(401);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  it('are looked at before a body is read', async () => {
    const { post } = await start({ config: { keys, maxBodyBytes: 100 }, models });
    expect((await post('/v1/rerank', 'x'.repeat(10_000))).status).toBe(401);
  });

  it('open the models of their tenant alone', async () => {
    const { post, url } = await start({ config: { keys }, models });
    const shop = { authorization: `Bearer ${key}` };
    expect((await post('/v1/rerank', { ...ask(), model: 'large' }, shop)).status).toBe(403);
    expect((await post('/v1/rerank', ask(), shop)).json.model).toBe('small');
    const listed = (await (await fetch(`${url}/v1/models`, { headers: shop })).json()) as { data: object[] };
    expect(listed.data).toHaveLength(1);
  });

  it('never stand in a log line', async () => {
    const { post, lines } = await start({ config: { keys }, models });
    await post('/v1/rerank', ask(), { authorization: `Bearer ${key}` });
    await post('/v1/rerank', ask(), { authorization: 'Bearer wrong-key-of-somebody' });
    await post('/v1/rerank', ask(), { 'x-api-key': other });
    await post('/v1/rerank', ask(), { 'x-api-key': 'wrong-key-of-somebody' });
    expect(lines.join('')).toContain('"tenant":"shop"');
    expect(lines.join('')).not.toMatch(/kkkk|oooo|wrong-key/);
  });

  it('have a limit of requests a minute of their own', async () => {
    const limited = [
      { tenant: 'shop', key, requestsPerMinute: 2 },
      { tenant: 'lab', key: other },
    ];
    const { post, metric } = await start({ config: { keys: limited }, models });
    const shop = { authorization: `Bearer ${key}` };
    expect((await post('/v1/rerank', ask('1'), shop)).status).toBe(200);
    expect((await post('/v1/rerank', ask('2'), shop)).status).toBe(200);
    const third = await post('/v1/rerank', ask('3'), shop);
    expect(third.status).toBe(429);
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(third.json.message).toContain('this minute');
    expect((await post('/v1/rerank', ask('3'), { 'x-api-key': other })).status).toBe(200);
    expect(await metric('shed_total', { reason: 'tenant-limit' })).toBe(1);
  });

  it('have one limit of requests a minute over all routes', async () => {
    const { post } = await start({
      config: { keys: [{ tenant: 'shop', key, requestsPerMinute: 2 }] },
      models,
    });
    const shop = { authorization: `Bearer ${key}` };
    const paths = ['/v1/rerank', '/v2/rerank', '/cohere/v2/rerank', '/jina/v1/rerank', '/blockrank/rerank'];
    const statuses: number[] = [];
    for (const path of paths) statuses.push((await post(path, ask(), shop)).status);
    expect(statuses).toEqual([200, 200, 429, 429, 429]);
  });

  it('count each tenant’s requests and seats by themselves', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const limited = [
      { tenant: 'shop', key, requestsPerMinute: 2, maxConcurrent: 1 },
      { tenant: 'lab', key: other, requestsPerMinute: 2, maxConcurrent: 1 },
    ];
    const { post } = await start({ config: { keys: limited, cache: false }, reranker });
    const [shop, lab] = [{ 'x-api-key': key }, { 'x-api-key': other }];
    const both = [post('/v1/rerank', ask('1'), shop), post('/v1/rerank', ask('1'), lab)];
    await waitFor(2);
    for (const gate of gates) gate();
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([200, 200]);
    const again = [post('/v1/rerank', ask('2'), shop), post('/v1/rerank', ask('2'), lab)];
    await waitFor(4);
    for (const gate of gates) gate();
    expect((await Promise.all(again)).map(({ status }) => status)).toEqual([200, 200]);
    for (const tenant of [shop, lab]) expect((await post('/v1/rerank', ask('3'), tenant)).status).toBe(429);
  });

  it('have a limit of requests at once of their own', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const limited = [
      { tenant: 'shop', key, maxConcurrent: 1 },
      { tenant: 'lab', key: other },
    ];
    const { post } = await start({ config: { keys: limited }, reranker });
    const shop = { authorization: `Bearer ${key}` };
    const first = post('/v1/rerank', ask('1'), shop);
    await waitFor(1);
    const second = await post('/v1/rerank', ask('2'), shop);
    expect([second.status, second.headers.get('retry-after')]).toEqual([429, '1']);
    const lab = post('/v1/rerank', ask('3'), { 'x-api-key': other });
    await waitFor(2);
    for (const gate of gates) gate();
    expect([(await first).status, (await lab).status]).toEqual([200, 200]);
    const again = post('/v1/rerank', ask('4'), shop);
    await waitFor(3);
    gates[2]!();
    expect((await again).status).toBe(200);
  });
});

describe('caps', () => {
  it('on bytes, documents and tokens answer in the form that was asked', async () => {
    const reranker = Object.assign(fakeReranker(), { countTokens: async () => 99 });
    const { post } = await start({
      config: { maxBodyBytes: 2000, maxDocuments: 3, maxTokens: 50 },
      reranker,
    });
    const long = { query: 'a', documents: ['b'.repeat(3000)] };
    expect((await post('/v1/rerank', long)).status).toBe(413);
    expect((await post('/rerank', { query: 'a', texts: ['b'.repeat(3000)] })).json.error_type).toBe(
      'Validation',
    );
    const many = await post('/v2/rerank', { query: 'a', documents: ['1', '2', '3', '4'] });
    expect([many.status, many.json.message]).toEqual([
      400,
      'The request holds 4 documents; at most 3 are accepted. Rerank fewer, or send several requests.',
    ]);
    expect((await post('/rerank', { query: 'a', texts: ['1', '2', '3', '4'] })).status).toBe(413);
    expect((await post('/jina/v1/rerank', { query: 'a', documents: ['1', '2', '3', '4'] })).status).toBe(422);
    const tokens = await post('/jina/v1/rerank', { query: 'a', documents: ['word '.repeat(20)] });
    expect([tokens.status, tokens.json.detail]).toEqual([422, expect.stringContaining('99 tokens')]);
    const told = await post('/rerank', { query: 'a', texts: ['word '.repeat(20)] });
    expect([told.status, told.json]).toEqual([
      413,
      { error: expect.stringContaining('99 tokens'), error_type: 'Validation' },
    ]);
    expect((await post('/v1/rerank', { query: 'a', documents: ['short'] })).status).toBe(200);
  });

  it('refuse a truncated answer to who allows no truncation', async () => {
    const usage = { tokens: 9, truncatedTokens: 5, statesFound: 0, statesEncoded: 1 };
    const { post } = await start({
      reranker: fakeReranker({ answer: (ranking) => ({ ...ranking, usage }) }),
    });
    expect((await post('/voyage/v1/rerank', { ...ask(), truncation: false })).status).toBe(400);
    expect((await post('/voyage/v1/rerank', { ...ask(), truncation: true })).status).toBe(200);
    expect((await post('/rerank', { query: 'a', texts: ['b'], truncate: false })).status).toBe(413);
  });
});

describe('the queue', () => {
  it('is bounded: what does not fit is refused at once with 503 and Retry-After, or as TEI says it', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const { post, metric } = await start({ config: { maxConcurrent: 1, maxQueue: 1 }, reranker });
    const running = post('/v1/rerank', ask('1'));
    await waitFor(1);
    const waiting = post('/v1/rerank', ask('2'));
    while ((await metric('queue_length')) < 1) await sleep(1);
    expect(await metric('in_flight')).toBe(1);
    const refused = await post('/v1/rerank', ask('3'));
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const tei = await post('/rerank', { query: 'a', texts: ['3'] });
    expect([tei.status, tei.json.error_type]).toEqual([429, 'Overloaded']);
    expect(Number(tei.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await metric('shed_total', { reason: 'queue-full' })).toBe(2);
    gates[0]!();
    await waitFor(2);
    gates[1]!();
    expect([(await running).status, (await waiting).status]).toEqual([200, 200]);
    expect(await metric('in_flight')).toBe(0);
  });

  it.each([
    ['before it reads a body, while it has no time to read', 1, 503],
    ['after it has read what is wrong with a body, while it has time', 0.5, 400],
  ])('that is full refuses %s', async (_when, threadUse, expected) => {
    const { reranker, gates, waitFor } = gatedReranker();
    const config = { maxConcurrent: 1, maxQueue: 1 };
    const { post, metric } = await start({ config, reranker, options: { threadUse: () => threadUse } });
    const running = post('/v1/rerank', ask('1'));
    await waitFor(1);
    const waiting = post('/v1/rerank', ask('2'));
    while ((await metric('queue_length')) < 1) await sleep(1);
    expect((await post('/v1/rerank', 'no JSON')).status).toBe(expected);
    gates[0]!();
    await waitFor(2);
    gates[1]!();
    await Promise.all([running, waiting]);
    expect((await post('/v1/rerank', 'no JSON')).status).toBe(400);
  });

  it('refuses at once whoever could not be answered in time', async () => {
    const { post, metric } = await start({
      config: { maxConcurrent: 1, cache: false },
      reranker: fakeReranker({ delayMs: 2000 }),
    });
    await post('/v1/rerank', ask('0')); // the service learns how long a ranking takes
    const running = post('/v1/rerank', ask('1'));
    while ((await metric('in_flight')) < 1) await sleep(1);
    const refused = await post('/v1/rerank', ask('2'), { 'x-blockrank-deadline-ms': '1000' });
    expect(refused.status).toBe(503);
    expect(refused.json.message).toContain('after the deadline');
    await running;
  });

  it('serves who came first before who came later, and tells how long each waited', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const { post, metric, url } = await start({ config: { maxConcurrent: 1 }, reranker });
    const all = [post('/v1/rerank', ask('1'))];
    await waitFor(1);
    for (const text of ['2', '3']) {
      const before = await metric('queue_length');
      all.push(post('/v1/rerank', ask(text)));
      while ((await metric('queue_length')) === before) await sleep(1);
    }
    await sleep(50);
    for (const at of [0, 1, 2]) {
      await waitFor(at + 1);
      gates[at]!();
    }
    await Promise.all(all);
    expect(reranker.calls.map(({ candidates }) => candidates[0]!.text)).toEqual(['1', '2', '3']);
    const page = await (await fetch(`${url}/metrics`)).text();
    const sampleOf = (name: string): number =>
      Number(new RegExp(`^blockrank_service_${name}(?:{.*})? (.+)$`, 'm').exec(page)?.[1]);
    expect(sampleOf('queue_duration_seconds_count')).toBe(3);
    expect(sampleOf('queue_duration_seconds_sum')).toBeGreaterThan(0.1); // two of them, 50 ms and more each
    expect(sampleOf('queue_wait_seconds')).toBeGreaterThan(0);
  });

  it('has the limits of the configuration in use', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const running = await start({ config: { maxConcurrent: 1, maxQueue: 0 }, reranker });
    const all = [running.post('/v1/rerank', ask('1'))];
    await waitFor(1);
    expect((await running.post('/v1/rerank', ask('2'))).status).toBe(503);
    const models = [{ name: 'blockrank', reranker }];
    running.service.serve({ config: { maxConcurrent: 2, maxQueue: 1 }, models });
    all.push(running.post('/v1/rerank', ask('3')));
    await waitFor(2);
    all.push(running.post('/v1/rerank', ask('4')));
    while ((await running.metric('queue_length')) < 1) await sleep(1);
    expect((await running.post('/v1/rerank', ask('5'))).status).toBe(503);
    for (const gate of gates) gate();
    await waitFor(3);
    gates[2]!();
    expect((await Promise.all(all)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('is left by who goes away, and its place is free again', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const { post, metric, url } = await start({ config: { maxConcurrent: 1, maxQueue: 1 }, reranker });
    const running = post('/v1/rerank', ask('1'));
    await waitFor(1);
    const leaving = new AbortController();
    const body = JSON.stringify(ask('2'));
    const headers = { 'content-type': 'application/json' };
    const gone = fetch(`${url}/v1/rerank`, { method: 'POST', headers, body, signal: leaving.signal });
    while ((await metric('queue_length')) < 1) await sleep(1);
    leaving.abort();
    await expect(gone).rejects.toThrow();
    while ((await metric('queue_length')) > 0) await sleep(1);
    gates[0]!();
    expect((await running).status).toBe(200);
    expect(reranker.calls).toHaveLength(1);
  });
});

describe('deadlines', () => {
  it('of the request end it, whichever header says so, and are handed on', async () => {
    const left: (number | undefined)[] = [];
    const slow = fakeReranker({ fault: () => new Promise(() => {}) });
    const reranker = wrapped(slow, {
      rerank: (list, options) => {
        left.push(options?.deadlineMs);
        return slow.rerank(list, options);
      },
    });
    const { post, metric } = await start({ reranker });
    for (const header of ['x-blockrank-deadline-ms', 'x-envoy-expected-rq-timeout-ms']) {
      const { status, headers, json } = await post('/v1/rerank', ask(header), { [header]: '1000' });
      expect([status, headers.get('retry-after')]).toEqual([503, '1']);
      expect(json.message).toContain('1000 ms');
    }
    expect(left.every((ms) => ms! > 0 && ms! <= 1000)).toBe(true);
    expect(slow.abortedCalls).toBe(2);
    expect(await metric('shed_total', { reason: 'deadline' })).toBe(2);
    expect((await post('/v1/rerank', ask(), { 'x-blockrank-deadline-ms': 'soon' })).status).toBe(400);
  });

  it('count from the first byte of a request: what its body and its turn took is gone', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const left: number[] = [];
    const watched = wrapped(reranker, {
      rerank: (list, options) => {
        left.push(options!.deadlineMs!);
        return reranker.rerank(list, options);
      },
    });
    const { post, metric, url } = await start({ config: { maxConcurrent: 1 }, reranker: watched });
    const first = post('/v1/rerank', ask('1'));
    await waitFor(1);
    const body = JSON.stringify(ask('2'));
    const headers = {
      'content-type': 'application/json',
      'content-length': body.length,
      'x-blockrank-deadline-ms': '5000',
    };
    const second = new Promise<number>((resolve, reject) => {
      const sent = request(`${url}/v1/rerank`, { method: 'POST', headers }, (response) =>
        response.resume().on('end', () => resolve(response.statusCode!)),
      );
      sent.on('error', reject).write(body.slice(0, 5));
      setTimeout(() => sent.end(body.slice(5)), 100);
    });
    while ((await metric('queue_length')) < 1) await sleep(1);
    await sleep(100);
    gates[0]!();
    await waitFor(2);
    gates[1]!();
    expect([(await first).status, await second]).toEqual([200, 200]);
    expect(left[1]).toBeLessThanOrEqual(5000 - 150);
  });

  it('end the waiting for a turn as they end a ranking', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const { post, metric } = await start({ config: { maxConcurrent: 1 }, reranker });
    const running = post('/v1/rerank', ask('1'));
    await waitFor(1);
    const { status, json } = await post('/v1/rerank', ask('2'), { 'x-blockrank-deadline-ms': '60' });
    expect([status, json.message]).toEqual([503, expect.stringContaining('60 ms')]);
    expect(await metric('queue_length')).toBe(0);
    gates[0]!();
    expect((await running).status).toBe(200);
    expect(reranker.calls).toHaveLength(1);
  });

  it('of the service bound every request', async () => {
    const { post } = await start({
      config: { deadlineMs: 60 },
      reranker: fakeReranker({ fault: () => new Promise(() => {}) }),
    });
    expect((await post('/v1/rerank', ask())).status).toBe(503);
  });

  it('that passed while the thread was busy are no late 200, and the ranking is there at the next try', async () => {
    const deadlineMs = 1000;
    const reranker = fakeReranker({
      fault: (call) => {
        const until = performance.now() + 1.1 * deadlineMs;
        while (call === 1 && performance.now() < until); // no timer has its turn meanwhile
      },
    });
    const { post, metric } = await start({ config: { deadlineMs }, reranker });
    const late = await post('/v1/rerank', ask());
    expect([late.status, late.headers.get('retry-after')]).toEqual([503, '1']);
    expect(late.json.message).toContain('1000 ms');
    expect(await metric('shed_total', { reason: 'deadline' })).toBe(1);
    const again = await post('/v1/rerank', ask());
    expect([again.status, again.headers.get('x-blockrank-cache')]).toEqual([200, 'hit']);
  });

  it('are forgotten with the requests that a tenant’s own limit refuses', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const keys = [{ tenant: 'shop', key: 'k'.repeat(16), maxConcurrent: 1 }];
    const { post } = await start({ config: { keys, deadlineMs: 600_000 }, reranker });
    const shop = { 'x-api-key': 'k'.repeat(16) };
    const running = post('/v1/rerank', ask(), shop);
    await waitFor(1);
    const timers = (): number => process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length;
    const before = timers();
    for (let i = 0; i < 50; i += 1) expect((await post('/v1/rerank', ask(), shop)).status).toBe(429);
    expect(timers() - before).toBeLessThan(25); // a few are the client's
    gates[0]!();
    await running;
  });

  it('of one request do not end the ranking that another waits for too', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const { post } = await start({ reranker });
    const hasty = post('/v1/rerank', ask(), { 'x-blockrank-deadline-ms': '1000' });
    await waitFor(1);
    const patient = post('/v1/rerank', ask());
    expect((await hasty).status).toBe(503);
    gates[0]!();
    expect((await patient).status).toBe(200);
    expect(reranker.calls).toHaveLength(1);
  });
});

describe('identical requests', () => {
  it('in flight are ranked once', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const { post, metric, url } = await start({ reranker });
    let came = 0;
    const onCome = (): void => {
      came += 1;
    };
    subscribe('http.server.request.start', onCome);
    const all = [1, 2, 3].map(() => post('/v1/rerank', ask()));
    await waitFor(1);
    while (came < 3) await sleep(1);
    unsubscribe('http.server.request.start', onCome);
    for (let i = 0; i < 5; i += 1) await fetch(`${url}/healthz`); // their bodies were read meanwhile
    gates[0]!();
    const caches = (await Promise.all(all)).map(({ headers }) => headers.get('x-blockrank-cache'));
    expect(caches.toSorted()).toEqual(['coalesced', 'coalesced', 'miss']);
    expect(reranker.calls).toHaveLength(1);
    expect(await metric('cache_total', { result: 'coalesced' })).toBe(2);
  });

  it('later are answered from the cache, whatever form they have, until it forgets them', async () => {
    const reranker = fakeReranker();
    const { post, metric, service } = await start({ reranker });
    await post('/v1/rerank', ask());
    const { headers } = await post('/v2/rerank', { ...ask(), top_n: 1 });
    expect(headers.get('x-blockrank-cache')).toBe('hit');
    expect(await metric('cache_total', { result: 'hit', model: 'blockrank' })).toBe(1);
    const forgetful = { config: { cache: { ttlMs: 50 } }, models: [{ name: 'blockrank', reranker }] };
    service.serve(forgetful);
    await post('/v1/rerank', ask());
    await sleep(100);
    await post('/v1/rerank', ask());
    expect(reranker.calls).toHaveLength(3);
  });

  it('are remembered up to so many candidates, and places in them, however few the answers are', async () => {
    const spans = Array.from({ length: 4 }, (_, start) => ({ start, end: start + 1, mass: 0.1 }));
    const reranker = fakeReranker({
      answer: ({ candidates, usage }) => ({
        usage,
        candidates: candidates.map((one) => (one.explanation ? { ...one, explanation: { spans } } : one)),
      }),
    });
    const { post } = await start({ config: { cache: { maxCandidates: 10 } }, reranker });
    const of = (query: string, count: number, explain = false): object => {
      const documents = Array.from({ length: count }, (_, i) => `document ${i}`);
      return { query, documents, explain };
    };
    const cacheOf = async (body: object): Promise<string> =>
      (await post('/blockrank/rerank', body)).json.cache;
    expect(await cacheOf(of('a', 6))).toBe('miss');
    expect(await cacheOf(of('b', 4))).toBe('miss');
    expect(await cacheOf(of('a', 6))).toBe('hit'); // ten fit
    expect(await cacheOf(of('c', 2))).toBe('miss');
    expect(await cacheOf(of('b', 4))).toBe('miss'); // twelve did not: what was asked for longest ago is gone
    expect(await cacheOf(of('d', 3, true))).toBe('miss');
    expect(await cacheOf(of('d', 3, true))).toBe('miss'); // three with four places each never fit
  });

  it('are let go of once they are too old, also when nobody asks again', async () => {
    let kept: WeakRef<object> | undefined;
    const reranker = fakeReranker({
      answer: (ranking) => {
        kept = new WeakRef(ranking.candidates[0]!);
        return ranking;
      },
    });
    const { post } = await start({ config: { cache: { ttlMs: 200 } }, reranker });
    await post('/v1/rerank', ask());
    while (kept?.deref()) {
      await sleep(20);
      collectGarbage();
    }
  });

  it('differ by query, document, order and model', async () => {
    const reranker = fakeReranker();
    const { post } = await start({ reranker });
    const bodies = [
      { query: 'a', documents: ['b', 'c'] },
      { query: 'b', documents: ['b', 'c'] },
      { query: 'a', documents: ['c', 'b'] },
      { query: 'a', documents: ['bc'] },
      { query: 'ab', documents: ['c'] },
    ];
    for (const body of bodies) await post('/v1/rerank', body);
    expect(reranker.calls).toHaveLength(bodies.length);
  });

  it('differ by the model that is asked, by what is asked of it, and by the first stage’s scores', async () => {
    const models = ['one', 'two'].map((name) => ({ name, reranker: fakeReranker() }));
    const { post } = await start({ models });
    const documents = [{ text: 'dogs' }, { text: 'cats' }];
    const scored = (first: number): object[] => [
      { ...documents[0], score: first },
      { ...documents[1], score: 1 },
    ];
    const bodies = [
      { query: 'dogs', documents },
      { query: 'dogs', documents, model: 'two' },
      { query: 'dogs', documents, explain: true },
      { query: 'dogs', documents: scored(2) },
      { query: 'dogs', documents: scored(3) },
    ];
    for (const body of bodies) {
      expect((await post('/blockrank/rerank', body)).json.cache, JSON.stringify(body)).toBe('miss');
    }
    for (const body of bodies) expect((await post('/blockrank/rerank', body)).json.cache).toBe('hit');
    const explained = await post('/blockrank/rerank', bodies[2]);
    expect(explained.json.results[0].explanation).toBeDefined();
  });

  it.each(['name', 'encodingDigest', 'readoutDigest'] as const)(
    'in flight are not joined by those for a model of another %s',
    async (part) => {
      const [before, after] = [gatedReranker(), fakeReranker({ info: { [part]: 'another' } })];
      const running = await start({ reranker: before.reranker });
      const old = running.post('/v1/rerank', ask());
      await before.waitFor(1);
      running.service.serve({ config: {}, models: [{ name: 'blockrank', reranker: after }] });
      const { headers } = await running.post('/v1/rerank', ask());
      expect([headers.get('x-blockrank-cache'), after.calls.length]).toEqual(['miss', 1]);
      before.gates[0]!();
      expect((await old).status).toBe(200);
    },
  );

  it('in flight are not joined by those that another limit of tokens refuses', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const counting = Object.assign(reranker, { countTokens: async () => 99 });
    const running = await start({ reranker: counting });
    const old = running.post('/v1/rerank', ask());
    await waitFor(1);
    running.service.serve({ config: { maxTokens: 5 }, models: [{ name: 'blockrank', reranker: counting }] });
    expect((await running.post('/v1/rerank', ask())).status).toBe(400);
    gates[0]!();
    expect((await old).status).toBe(200);
  });

  it('are forgotten when others were asked more lately', async () => {
    const { post } = await start({ config: { cache: { maxEntries: 2 } } });
    const cacheOf = async (text: string): Promise<string | null> =>
      (await post('/v1/rerank', ask(text))).headers.get('x-blockrank-cache');
    for (const text of ['1', '2']) expect(await cacheOf(text)).toBe('miss');
    expect(await cacheOf('1')).toBe('hit');
    expect(await cacheOf('3')).toBe('miss'); // in the place of 2, the longest not asked
    expect([await cacheOf('1'), await cacheOf('2')]).toEqual(['hit', 'miss']);
  });

  it('of two tenants know nothing of each other', async () => {
    const reranker = fakeReranker();
    const keys = [
      { tenant: 'one', key: '1'.repeat(16) },
      { tenant: 'two', key: '2'.repeat(16) },
    ];
    const { post } = await start({ config: { keys }, reranker });
    await post('/v1/rerank', ask(), { 'x-api-key': keys[0]!.key });
    const { headers } = await post('/v1/rerank', ask(), { 'x-api-key': keys[1]!.key });
    expect(headers.get('x-blockrank-cache')).toBe('miss');
    expect(reranker.calls).toHaveLength(2);
  });

  it('are ranked anew under a new configuration', async () => {
    const [before, after] = [fakeReranker(), fakeReranker()];
    const running = await start({ reranker: before });
    await running.post('/v1/rerank', ask());
    running.service.serve({ config: {}, models: [{ name: 'blockrank', reranker: after }] });
    await running.post('/v1/rerank', ask());
    expect([before.calls.length, after.calls.length]).toEqual([1, 1]);
    running.service.serve({ config: { cache: false }, models: [{ name: 'blockrank', reranker: after }] });
    for (const _ of [1, 2]) await running.post('/v1/rerank', ask());
    expect(after.calls).toHaveLength(3);
  });

  it('are all ranked where there is no cache', async () => {
    const reranker = fakeReranker();
    const { post } = await start({ config: { cache: false }, reranker });
    await post('/v1/rerank', ask());
    await post('/v1/rerank', ask());
    expect(reranker.calls).toHaveLength(2);
  });
});

describe('a new configuration', () => {
  it('serves the next request; requests in hand end under the old one, which is let go after them', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const running = await start({ reranker });
    let unused = 0;
    const first = {
      config: {},
      models: [{ name: 'blockrank', reranker }],
      onUnused: () => {
        unused += 1;
      },
    };
    running.service.serve(first);
    const old = running.post('/v1/rerank', ask());
    await waitFor(1);
    running.service.serve({
      config: { keys: [{ tenant: 'shop', key: 'k'.repeat(16) }] },
      models: [{ name: 'new', reranker: fakeReranker() }],
    });
    expect((await running.post('/v1/rerank', ask('x'))).status).toBe(401);
    expect((await running.post('/v1/rerank', ask('x'), { 'x-api-key': 'k'.repeat(16) })).json.model).toBe(
      'new',
    );
    expect(unused).toBe(0);
    gates[0]!();
    expect((await old).json.model).toBe('blockrank');
    while (unused === 0) await sleep(1);
    await sleep(20);
    expect(unused).toBe(1);
  });
});

describe('ending', () => {
  it('lets every request in hand finish and says meanwhile that it is not ready', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const running = await start({ config: { drainDelayMs: 1500 }, reranker });
    const all = ['1', '2', '3'].map((text) => running.post('/v1/rerank', ask(text)));
    await waitFor(3);
    const closing = running.close();
    const ready = await fetch(`${running.url}/readyz`);
    expect([ready.status, ready.headers.get('connection')]).toEqual([503, 'close']);
    expect((await fetch(`${running.url}/healthz`)).status).toBe(200);
    expect(await running.metric('ready')).toBe(0);
    const listens = (): Promise<boolean> =>
      fetch(`${running.url}/healthz`).then(
        () => true,
        () => false,
      );
    while (await listens()) await sleep(20);
    for (const gate of gates) gate();
    expect((await Promise.all(all)).map(({ status }) => status)).toEqual([200, 200, 200]);
    await closing;
  });

  it('answers what still comes over a connection that is open already', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const running = await start({ reranker });
    const inHand = running.post('/v1/rerank', ask('1'));
    await waitFor(1);
    const { hostname, port } = new URL(running.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    const answer = text(socket);
    const body = JSON.stringify(ask('2'));
    const head = ['POST /v1/rerank HTTP/1.1', 'host: a', 'content-type: application/json'];
    socket.write(`${[...head, `content-length: ${body.length}`].join('\r\n')}\r\n`);
    while ((await fetch(`${running.url}/healthz`)).status !== 200) await sleep(1); // its beginning has been read
    const closing = running.close();
    await sleep(30);
    socket.write(`\r\n${body}`);
    await waitFor(2);
    for (const gate of gates) gate();
    expect(await answer).toMatch(/^HTTP\/1\.1 200 /);
    expect((await inHand).status).toBe(200);
    await closing;
  });

  it('cuts off what takes longer than the drain', async () => {
    const { reranker, waitFor } = gatedReranker();
    const running = await start({ config: { drainMs: 50 }, reranker });
    const stuck = running.post('/v1/rerank', ask());
    stuck.catch(() => {});
    await waitFor(1);
    await running.close();
    await expect(stuck).rejects.toThrow();
  });
});

describe('readiness', () => {
  it('comes with the models, and requests before that are told to come again', async () => {
    const { rerankService } = await import('../../../plugin/service/index.ts');
    const { memoryLogger, postJson } = await import('../../support/servers/test-service.ts');
    const service = await rerankService({ config: { port: 0 }, logger: memoryLogger().logger });
    expect((await fetch(`${service.url}/readyz`)).status).toBe(503);
    const early = await postJson(`${service.url}/v1/rerank`, ask());
    expect([early.status, early.headers.get('retry-after')]).toEqual([503, '5']);
    service.serve({ config: {}, models: [{ name: 'm', reranker: fakeReranker() }] });
    expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
    await service.close();
  });
});

describe('an idle connection', () => {
  it('is kept for longer than a search server keeps it, which would otherwise ask on a closing one', async () => {
    const { url } = await start();
    const { headers } = await fetch(`${url}/healthz`);
    const [, seconds] = /timeout=(\d+)/.exec(headers.get('keep-alive')!)!;
    // ML Commons pools connections for a minute.
    expect(Number(seconds)).toBeGreaterThan(60);
  });
});

describe('CORS', () => {
  const preflight = (url: string, origin: string): Promise<Response> =>
    fetch(`${url}/v1/rerank`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });

  it('is off unless an origin is named', async () => {
    const { url } = await start();
    expect(
      (await preflight(url, 'https://shop.example')).headers.get('access-control-allow-origin'),
    ).toBeNull();
  });

  it('lets the named origins in and no other', async () => {
    const config = { corsOrigins: ['https://shop.example'] };
    const { url } = await start({ config, options: { config } });
    const allowed = await preflight(url, 'https://shop.example');
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://shop.example');
    expect(
      (await preflight(url, 'https://evil.example')).headers.get('access-control-allow-origin'),
    ).toBeNull();
  });
});

describe('what is written down', () => {
  it('is one line a request, without texts unless they are asked for', async () => {
    const quiet = await start();
    await quiet.post('/v1/rerank', { query: 'secret question', documents: ['secret document'] });
    expect(quiet.lines.join('')).not.toContain('secret');
    expect(quiet.lines.filter((one) => one.includes('reqId'))).toHaveLength(1);
    const line = JSON.parse(quiet.lines.find((one) => one.includes('"ranked"'))!) as Record<string, unknown>;
    expect(line).toMatchObject({ tenant: 'anonymous', model: 'blockrank', cache: 'miss', documents: 1 });
    const telling = await start({ config: { log: { texts: true } } });
    await telling.post('/v1/rerank', { query: 'secret question', documents: ['secret document'] });
    expect(telling.lines.join('')).toContain('secret question');
    expect(telling.lines.join('')).toContain('secret document');
    const { rerankService } = await import('../../../plugin/service/index.ts');
    const silent = await rerankService({ config: { port: 0, log: { level: 'silent' } } });
    expect(silent.logger.level).toBe('silent');
    await silent.close();
  });

  it('continues the caller’s id and trace', async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    provider.register();
    const { post } = await start({ options: { tracer: provider.getTracer('test') } });
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
    const { headers } = await post('/v1/rerank', ask(), { traceparent, 'x-request-id': 'search-42' });
    expect(headers.get('x-request-id')).toBe('search-42');
    const [span] = exporter.getFinishedSpans();
    expect(span?.spanContext().traceId).toBe(traceId);
    expect(span?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(span?.attributes).toMatchObject({ 'blockrank.model': 'blockrank', 'http.route': '/v1/rerank' });
    await provider.shutdown();
    propagation.disable();
  });

  it('marks what failed on the trace without what the reranker said, and holds what it did under it', async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    provider.register();
    const tracer = provider.getTracer('test');
    const reranker = fakeReranker({
      fault: (call) => {
        tracer.startSpan('inside').end();
        if (call > 1) throw new Error('cannot read "the secret of the shop"');
      },
    });
    const { post } = await start({ reranker, options: { tracer } });
    await post('/v1/rerank', ask('1'));
    await post('/v1/rerank', ask('2'));
    const [inside, answered, , failed] = exporter.getFinishedSpans();
    expect(inside!.parentSpanContext?.spanId).toBe(answered!.spanContext().spanId);
    expect([answered!.kind, answered!.status.code]).toEqual([SpanKind.SERVER, SpanStatusCode.UNSET]);
    expect(failed!.status.code).toBe(SpanStatusCode.ERROR);
    expect(JSON.stringify([failed!.status, failed!.attributes, failed!.events])).not.toContain('secret');
    await provider.shutdown();
    trace.disable();
    context.disable();
    propagation.disable();
  });

  it('takes no id that would break a line', async () => {
    const { post } = await start();
    for (const given of ['a b', '{"a":1}', 'x'.repeat(129)]) {
      expect(
        (await post('/v1/rerank', ask(), { 'x-request-id': given })).headers.get('x-request-id'),
      ).toMatch(/^[\da-f-]{36}$/);
    }
  });

  it('says of every request that is refused or fails what kind of fault it was', async () => {
    const failing = fakeReranker({
      fault: () => {
        throw new Error('gone');
      },
    });
    const { post, lines } = await start({ config: { maxDocuments: 2 }, reranker: failing });
    await post('/v1/rerank', { query: 'dogs', documents: ['1', '2', '3'] });
    await post('/v1/rerank', ask());
    const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(told.find(({ msg }) => msg === 'refused')).toMatchObject({
      level: 30,
      kind: 'too-many-documents',
      status: 400,
      tenant: 'anonymous',
    });
    expect(told.find(({ msg }) => msg === 'ranking failed')).toMatchObject({
      level: 50,
      kind: 'backend',
      status: 500,
      cause: { name: 'Error', frames: expect.arrayContaining([expect.stringContaining(' at ')]) },
    });
  });

  it('holds rankings as User Behavior Insights has them, on request', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'blockrank-log-')), 'queries.jsonl');
    const running = await start({ config: { queryLog: file }, options: { config: { queryLog: file } } });
    await running.post(
      '/blockrank/rerank',
      {
        query: 'dogs',
        documents: [
          { id: 'a', text: 'cats' },
          { id: 'b', text: 'dogs' },
        ],
      },
      { 'x-query-id': 'q-7', 'x-request-id': 'r-7' },
    );
    await running.close();
    const line = JSON.parse((await readFile(file, 'utf8')).trim()) as Record<string, unknown>;
    expect(line).toMatchObject({
      query_id: 'q-7',
      user_query: 'dogs',
      query_response_id: 'r-7',
      query_response_hit_ids: ['b', 'a'],
      client_id: 'anonymous',
      application: 'blockrank',
      object_id_field: '_id',
    });
    expect(Date.parse(String(line['timestamp']))).not.toBeNaN();
  });

  it('goes behind the rankings that the file holds already, and ends nothing when it cannot be written', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'blockrank-log-'));
    const file = join(folder, 'queries.jsonl');
    for (const text of ['1', '2']) {
      const running = await start({ options: { config: { queryLog: file, port: 0 } } });
      await running.post('/v1/rerank', ask(text));
      await running.close();
    }
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { user_query: string }).user_query)).toEqual([
      'dogs',
      'dogs',
    ]);
    const queryLog = join(folder, 'nowhere', 'queries.jsonl');
    const logger = memoryLogger();
    const lost = await start({ options: { config: { queryLog, port: 0 }, logger: logger.logger } });
    while (!logger.lines.join('').includes('cannot write the query log')) await sleep(1);
    expect((await lost.post('/v1/rerank', ask())).status).toBe(200);
  });

  it('is all in the file of rankings when the service has ended', async () => {
    const pipe = join(await mkdtemp(join(tmpdir(), 'blockrank-log-')), 'queries.pipe');
    execFileSync('mkfifo', [pipe]); // takes nothing before somebody reads
    const running = await start({ options: { config: { queryLog: pipe, port: 0 } } });
    await running.post('/v1/rerank', ask());
    let hasEnded = false;
    const ended = running.close().then(() => {
      hasEnded = true;
    });
    await sleep(300);
    expect(hasEnded).toBe(false);
    expect(JSON.parse(await readFile(pipe, 'utf8'))).toMatchObject({ user_query: 'dogs' });
    await ended;
  });

  it('counts what was served', async () => {
    const { post, metric, url } = await start();
    await post('/v1/rerank', ask());
    await post('/v1/rerank', { query: 1 });
    expect(await metric('requests_total', { form: 'union', model: 'blockrank', status: '200' })).toBe(1);
    expect(await metric('requests_total', { form: 'union', status: '400' })).toBe(1);
    expect(await metric('documents_total')).toBe(2);
    expect(await metric('tokens_total', { model: 'blockrank' })).toBe(3);
    expect(await metric('states_total', { result: 'encoded' })).toBe(2);
    expect(await metric('ready')).toBe(1);
    expect(await metric('config_generation')).toBe(1);
    const page = await (await fetch(`${url}/metrics`)).text();
    expect(page).toContain('blockrank_service_queue_wait_seconds');
    expect(page).toContain('process_resident_memory_bytes');
  });

  it('counts a request in seconds, whatever became of it', async () => {
    const usage = { tokens: 9, truncatedTokens: 5, statesFound: 4, statesEncoded: 1 };
    const slow = fakeReranker({ delayMs: 100, answer: (ranking) => ({ ...ranking, usage }) });
    const { post, metric, url, service } = await start({ reranker: slow });
    await post('/v1/rerank', ask());
    const { values } = await service.metrics.duration.get();
    const sum = values.find(({ metricName }) => metricName?.endsWith('_sum'))!.value;
    expect(sum).toBeGreaterThan(0.09);
    expect(sum).toBeLessThan(60);
    expect(await metric('truncated_tokens_total')).toBe(5);
    expect(await metric('states_total', { result: 'found' })).toBe(4);
    const leaving = new AbortController();
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(ask('another'));
    const gone = fetch(`${url}/v1/rerank`, { method: 'POST', headers, body, signal: leaving.signal });
    while ((await metric('in_flight')) < 1) await sleep(1);
    leaving.abort();
    await expect(gone).rejects.toThrow();
    while ((await metric('requests_total', { status: '499' })) < 1) await sleep(1);
    expect(await metric('requests_total', { status: '200' })).toBe(1);
  });

  it('tells a deadline of the reranker from its failure', async () => {
    const fault = (): never => {
      throw new DeadlineExceededError({ deadlineMs: 1, elapsedMs: 2, phase: 'rerank' });
    };
    const { post } = await start({ reranker: fakeReranker({ fault }) });
    expect((await post('/v1/rerank', ask())).status).toBe(503);
  });
});
