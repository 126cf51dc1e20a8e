/** Time that a request has, from its first byte on. */

import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { wrapped } from '../../../engine/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { gatedReranker } from '../../support/doubles/gated-reranker.ts';
import { serviceStarter } from '../../support/servers/test-service.ts';

const start = serviceStarter();

const ask = (text = 'dogs'): object => ({ query: 'dogs', documents: [text, 'cats'] });

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
    const sent = request(`${url}/v1/rerank`, { method: 'POST', headers });
    const second = new Promise<number>((resolve, reject) => {
      sent.on('error', reject);
      sent.on('response', (response) => response.resume().on('end', () => resolve(response.statusCode!)));
    });
    await new Promise((resolve) => sent.write(body.slice(0, 5), resolve));
    // Asked and answered later than the first bytes came: the service has seen them.
    for (let i = 0; i < 3; i += 1) await metric('queue_length');
    await sleep(110);
    sent.end(body.slice(5));
    while ((await metric('queue_length')) < 1) await sleep(1);
    await sleep(110);
    gates[0]!();
    await waitFor(2);
    gates[1]!();
    expect([(await first).status, await second]).toEqual([200, 200]);
    expect(left[1]).toBeLessThanOrEqual(5000 - 200);
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
