/** How much is asked for at once, and who waits. */

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { gatedReranker } from '../../support/doubles/gated-reranker.ts';
import { serviceStarter } from '../../support/servers/test-service.ts';

const start = serviceStarter();

const ask = (text = 'dogs'): object => ({ query: 'dogs', documents: [text, 'cats'] });

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

  it('forgets a crowd whose callers go away before their turn', async () => {
    const { post, metric, url } = await start({ config: { cache: false } });
    const away = new AbortController();
    const crowd = Array.from({ length: 200 }, async (_, i) => {
      const body = JSON.stringify(ask(`${i}`));
      const headers = { 'content-type': 'application/json' };
      await fetch(`${url}/v1/rerank`, { method: 'POST', headers, body, signal: away.signal }).catch(() => {});
    });
    setImmediate(() => away.abort());
    await Promise.all(crowd);
    expect((await post('/v1/rerank', ask())).status).toBe(200);
    while ((await metric('in_flight')) + (await metric('queue_length')) > 0) await sleep(1);
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
    expect(refused.json.message).toContain('before the deadline');
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
