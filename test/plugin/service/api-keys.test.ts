import { describe, expect, it } from 'vitest';
import { hashKey } from '../../../plugin/service/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { gatedReranker } from '../../support/doubles/gated-reranker.ts';
import { serviceStarter } from '../../support/servers/test-service.ts';

const start = serviceStarter();

const ask = (text = 'dogs'): object => ({ query: 'dogs', documents: [text, 'cats'] });

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
