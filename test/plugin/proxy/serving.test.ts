import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { createServer as createTlsServer, request as httpsRequest, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { prometheusStageMetrics } from '../../../plugin/stage/index.ts';
import {
  ask,
  bytesOf,
  event,
  type Played,
  played,
  playedRaw,
  proxyBefore,
  type Setup,
  type SetupOptions,
  search,
  socketTo,
} from '../../support/doubles/proxy-setup.ts';
import { type Certificates, makeCertificates, passphrase } from '../../support/tiny/certificates.ts';

const open: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function proxied(server: Pick<Played, 'url' | 'close'>, options?: SetupOptions): Promise<Setup> {
  open.push(() => server.close());
  const setup = await proxyBefore(server.url, options);
  open.push(() => setup.close());
  return setup;
}

describe("the proxy's own pages", () => {
  it('say whether it lives and whether it is ready', async () => {
    const server = await played((_seen, response) => response.end('the cluster'));
    const { proxy, reranker } = await proxied(server);
    const statusOf = async (path: string) => (await ask(proxy.url, { path })).status;
    expect(await statusOf('/_blockrank/healthz')).toBe(200);
    expect(await statusOf('/_blockrank/readyz')).toBe(200);
    (reranker.info as { ready: boolean }).ready = false;
    expect(await statusOf('/_blockrank/readyz')).toBe(503);
    expect(await statusOf('/_blockrank/healthz?x')).toBe(200);
    expect(await statusOf('/_blockrank/nothing')).toBe(404);
    expect((await ask(proxy.url, { method: 'POST', path: '/_blockrank/healthz' })).status).toBe(405);
    expect(server.seen).toHaveLength(0);
  });

  it('count requests by what became of them, beside the metrics of the stage', async () => {
    const hits = [1, 2].map((i) => ({ _id: String(i), _score: 1, _source: { title: 'stars' } }));
    const registry = new Registry();
    const server = await playedRaw((request, response) => {
      if (request.url === '/slow') return;
      const isSearch = request.url!.endsWith('_search');
      response.writeHead(isSearch ? 200 : 404, { 'content-type': 'application/json' });
      response.end(isSearch ? JSON.stringify({ hits: { hits } }) : '{}');
    });
    const { proxy } = await proxied(server, {
      registry,
      stageOptions: { events: prometheusStageMetrics(registry) },
    });
    const query = { query: { match: { title: 'stars' } } };
    await search(proxy.url, '/products-1/_search', query);
    await search(proxy.url, '/products-1/_search', { ...query, sort: ['x'] });
    await search(proxy.url, '/other/_doc', query);
    await ask(proxy.url, { path: '/slow', signal: AbortSignal.timeout(50) }).catch(() => undefined);
    await expect
      .poll(async () => (await ask(proxy.url, { path: '/_blockrank/metrics' })).body.toString())
      .toContain('blockrank_proxy_requests_total{kind="passed",status="499"} 1');
    const text = (await ask(proxy.url, { path: '/_blockrank/metrics' })).body.toString();
    expect(text).toContain('blockrank_proxy_requests_total{kind="reranked",status="200"} 1');
    expect(text).toContain('blockrank_proxy_requests_total{kind="unreranked",status="200"} 1');
    expect(text).toContain('blockrank_proxy_requests_total{kind="passed",status="404"} 1');
    expect(text).toMatch(/blockrank_stage_searches_total\{[^}]*outcome="reranked",reason=""[^}]*\} 1/);
    expect(text).toMatch(/blockrank_stage_searches_total\{[^}]*reason="explicit-sort"[^}]*\} 1/);
  });

  it("are the cluster's when turned off", async () => {
    const server = await played((_seen, response) => response.end('the cluster'));
    const { proxy } = await proxied(server, { ownPages: false });
    expect((await ask(proxy.url, { path: '/_blockrank/healthz' })).body.toString()).toBe('the cluster');
  });
});

describe('closing a proxy', () => {
  it('lets requests in flight come to their end, and takes no new ones', async () => {
    const asked = event();
    const rest = event();
    const server = await playedRaw((_request, response) => {
      response.write('first');
      asked.happen();
      void rest.happened.then(() => response.end('last'));
    });
    const setup = await proxyBefore(server.url);
    open.push(() => server.close());
    const idle = await socketTo(setup.proxy.url);
    const idleClosed = new Promise((resolve) => idle.once('close', resolve));
    const agent = new Agent({ keepAlive: true });
    const running = ask(setup.proxy.url, { agent, path: '/x' });
    await asked.happened;
    const closing = setup.close();
    await idleClosed;
    await expect(ask(setup.proxy.url, { path: '/y' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    rest.happen();
    expect((await running).body.toString()).toBe('firstlast');
    // The caller would keep its connection; an idle one holds nothing up.
    await closing;
    agent.destroy();
  });

  it('waits no longer than it was told to', async () => {
    const asked = event();
    const server = await playedRaw((_request, response) => {
      response.write('first');
      asked.happen();
    });
    open.push(() => server.close());
    const setup = await proxyBefore(server.url, { drainMs: 50 });
    const running = ask(setup.proxy.url, { path: '/x' });
    const failed = expect(running).rejects.toMatchObject({ code: 'ECONNRESET' });
    await asked.happened;
    await setup.close();
    await failed;
  });

  it('fails to open on a port that is taken, and says so', async () => {
    const server = await played((_seen, response) => response.end());
    const { proxy } = await proxied(server);
    const port = Number(new URL(proxy.url).port);
    await expect(proxyBefore(server.url, { port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

describe('a proxy with TLS', () => {
  let certificates: Certificates;
  beforeAll(async () => {
    certificates = await makeCertificates();
  });
  afterAll(() => certificates.remove());

  async function tlsServer(options: ServerOptions = {}): Promise<Pick<Played, 'url' | 'close'>> {
    const server = createTlsServer({ ...certificates.server, ...options }, (request, response) => {
      void bytesOf(request).then((body) => response.end(body));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
      url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve(undefined));
          server.closeAllConnections();
        }) as Promise<void>,
    };
  }

  const post = async (setup: Setup) => {
    const { status, body } = await ask(setup.proxy.url, { method: 'POST', path: '/x', body: 'body' });
    return { status, body: body.toString() };
  };

  it('talks to a cluster whose certificate is signed by the authority that it was given', async () => {
    const setup = await proxied(await tlsServer(), { targetTls: { ca: certificates.ca.cert } });
    expect(await post(setup)).toEqual({ status: 200, body: 'body' });
  });

  it('refuses any other certificate with 502, and says which option to give', async () => {
    const { status, body } = await post(await proxied(await tlsServer()));
    expect(status).toBe(502);
    expect(body).toContain('--ca');
  });

  it('takes any certificate when told so', async () => {
    const setup = await proxied(await tlsServer(), { targetTls: { insecure: true } });
    expect((await post(setup)).status).toBe(200);
  });

  it('shows a client certificate, whose key may be encrypted, and says when one is missing', async () => {
    const wanting = { ca: certificates.ca.cert, requestCert: true, rejectUnauthorized: true };
    const ca = certificates.ca.cert;
    const key = readFileSync(certificates.files.encryptedKey, 'utf8');
    const targetTls = { ca, cert: certificates.client.cert, key, passphrase };
    expect((await post(await proxied(await tlsServer(wanting), { targetTls }))).status).toBe(200);
    const bare = await post(await proxied(await tlsServer(wanting), { targetTls: { ca } }));
    expect(bare.status).toBe(502);
  });

  it('listens with a certificate of its own', async () => {
    const server = await played((_seen, response) => response.end('cluster'));
    const { proxy } = await proxied(server, { listenTls: certificates.server });
    expect(proxy.url).toMatch(/^https:/);
    const answer = await new Promise<string>((resolve, reject) => {
      httpsRequest(`${proxy.url}/x`, { ca: certificates.ca.cert }, (message) => {
        bytesOf(message).then((body) => resolve(body.toString()), reject);
      })
        .on('error', reject)
        .end();
    });
    expect(answer).toBe('cluster');
  });
});

describe('opening a proxy', () => {
  it('listens on this machine alone unless told otherwise', async () => {
    const server = await played((_seen, response) => response.end());
    const { proxy } = await proxied(server);
    expect(new URL(proxy.url).hostname).toBe('127.0.0.1');
    const open6 = await proxied(server, { host: '::1' });
    expect(open6.proxy.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
  });
});
