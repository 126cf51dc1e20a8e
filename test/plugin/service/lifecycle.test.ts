/** A service from its first model to its last request. */

import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { gatedReranker } from '../../support/doubles/gated-reranker.ts';
import { serviceStarter } from '../../support/servers/test-service.ts';

const start = serviceStarter();

const ask = (text = 'dogs'): object => ({ query: 'dogs', documents: [text, 'cats'] });

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
