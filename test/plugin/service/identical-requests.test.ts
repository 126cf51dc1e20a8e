/** Requests that ask the same. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { collectGarbage } from '../../support/checks/heap.ts';
import { gatedReranker } from '../../support/doubles/gated-reranker.ts';
import { serviceStarter } from '../../support/servers/test-service.ts';

const start = serviceStarter();

const ask = (text = 'dogs'): object => ({ query: 'dogs', documents: [text, 'cats'] });

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
