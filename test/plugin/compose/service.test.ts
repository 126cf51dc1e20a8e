/** A service composed from a configuration, with real (tiny) models. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { request } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { composeService, type ServiceComposition } from '../../../plugin/compose/index.ts';
import type { ServeConfig, ServiceConfig } from '../../../plugin/config/index.ts';
import { answeringServer, sendJson } from '../../support/doubles/answering-server.ts';
import { memoryLogger, postJson, type ServiceReply } from '../../support/servers/test-service.ts';
import { type Certificates, makeCertificates, passphrase } from '../../support/tiny/certificates.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';
import { tinyResidual } from '../../support/tiny/tiny-residual.ts';

let model: string;
beforeAll(async () => {
  model = await tinyModel();
});
afterAll(() => rm(model, { recursive: true }));

let open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open) await one.close();
  open = [];
});

const reranker = (more = {}) => ({ model, workers: 1, warmUp: false, ...more });
const config = (service: ServiceConfig = {}): ServeConfig => ({
  reranker: reranker(),
  service: { ...service, port: 0 },
});

async function compose(given: ServeConfig): Promise<ServiceComposition & { url: string }> {
  const composition = await composeService(given, memoryLogger());
  open.push(composition);
  return { ...composition, url: composition.service.url };
}

const body = { query: 'who studies stars', documents: ['the astronomer studies stars', 'a bean stew'] };
/** Best first, in the order that the documents came in. */
const scored = (index: number): object => ({ index, relevance_score: 1 / (index + 2) });
const ask = (url: string, more: object = {}): Promise<ServiceReply> =>
  postJson(`${url}/v1/rerank`, { ...body, ...more });
const metric = async (url: string, line: string): Promise<number> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = text.split('\n').find((one) => one.startsWith(`blockrank_service_${line} `));
  return Number(found?.split(' ').at(-1) ?? 0);
};

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

describe('composeService', () => {
  it('serves the model of the section reranker where no models are named', async () => {
    const { url } = await compose(config());
    const { status, json } = await ask(url);
    expect([status, json.model, json.results.length]).toEqual([200, 'blockrank', 2]);
    expect(json.usage.total_tokens).toBeGreaterThan(0);
  });

  it('listens before it is ready, and is ready once every model has ranked a list', async () => {
    const port = await freePort();
    const opening = compose({ reranker: reranker(), service: { port } });
    const seen: number[] = [];
    while (!seen.includes(200)) {
      await fetch(`http://127.0.0.1:${port}/readyz`).then(
        ({ status }) => seen.push(status),
        () => undefined, // not listening yet
      );
    }
    expect(seen[0]).toBe(503);
    const { url } = await opening;
    const documents = ['Plants make food by photosynthesis.', 'a new one'];
    const { json } = await postJson(`${url}/blockrank/rerank`, { query: 'food', documents });
    expect(json.usage).toMatchObject({ statesFound: 1, statesEncoded: 1 }); // the warm-up has read the first
  });

  it('keeps open what the next configuration names like before, and closes what it does not', async () => {
    const { url, reconfigure } = await compose(config());
    await ask(url);
    await reconfigure({
      ...config({
        maxDocuments: 5,
        models: { a: {}, b: { chain: [{ local: reranker({ tier: 'anchor' }) }] } },
      }),
    });
    // The model of before has kept its states: its documents need no encoding.
    const again = await postJson(`${url}/blockrank/rerank`, { ...body, model: 'a' });
    expect(again.json.usage).toMatchObject({ statesFound: 2, statesEncoded: 0 });
    const other = await postJson(`${url}/blockrank/rerank`, { ...body, model: 'b' });
    expect(other.json.usage.statesEncoded).toBe(2);
    expect((await ask(url, { documents: ['1', '2', '3', '4', '5', '6'] })).status).toBe(400);
    const terminate = vi.spyOn(Worker.prototype, 'terminate');
    await reconfigure(config());
    expect((await ask(url, { model: 'b' })).status).toBe(404);
    while (terminate.mock.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(terminate).toHaveBeenCalledTimes(1); // b's worker; the other one's is in use
    terminate.mockRestore();
  });

  it('serves residuals by name and by key, on the workers of their base', async () => {
    for (const seed of [1, 2]) await tinyResidual(model, { seed, name: `tenant-${seed}` });
    const keys = [1, 2].map((n) => ({ tenant: `t${n}`, key: `0123456789abcdef-${n}`, models: [`m${n}`] }));
    const models = { base: {}, m1: { residual: 'tenant-1' }, m2: { residual: 'tenant-2' } };
    let threads = 0;
    const count = (): void => {
      threads += 1;
    };
    process.on('worker', count);
    const { url, reconfigure } = await compose(config({ models }));
    process.off('worker', count);
    expect(threads).toBe(1);
    const scoresOf = async (more: object): Promise<number[]> => {
      const { json } = await postJson(`${url}/blockrank/rerank`, { ...body, ...more });
      return json.results.map(({ score }: { score: number }) => score);
    };
    const named = [];
    for (const name of Object.keys(models)) named.push(await scoresOf({ model: name }));
    expect(new Set(named.map((scores) => scores.join())).size).toBe(3);
    // A key that may use one model gets it without naming it.
    await reconfigure(config({ models, keys }));
    for (const [i, { key }] of keys.entries()) {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
      const options = { method: 'POST', headers, body: JSON.stringify(body) };
      const json = (await (await fetch(`${url}/blockrank/rerank`, options)).json()) as ServiceReply['json'];
      expect(json.model).toBe(`m${i + 1}`);
      expect(json.results.map(({ score }: { score: number }) => score)).toEqual(named[i + 1]);
    }
    // The pool ends with the last that runs on it.
    const terminate = vi.spyOn(Worker.prototype, 'terminate');
    await reconfigure(config({ models: { other: { chain: [{ local: reranker({ tier: 'anchor' }) }] } } }));
    while (terminate.mock.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(terminate).toHaveBeenCalledTimes(1);
    terminate.mockRestore();
  });

  it('keeps the configuration in use when the next one cannot be opened', async () => {
    const { url, reconfigure } = await compose(config());
    const models = {
      whole: { chain: [{ local: reranker({ tier: 'anchor' }) }] },
      broken: { chain: [{ local: { model: join(model, 'nowhere') } }] },
    };
    const terminate = vi.spyOn(Worker.prototype, 'terminate');
    await expect(reconfigure(config({ models }))).rejects.toThrow('nowhere');
    expect(terminate).toHaveBeenCalledTimes(1); // what was opened for it is closed
    terminate.mockRestore();
    expect((await ask(url)).status).toBe(200);
  });

  it('says which settings only a restart takes', async () => {
    const { reconfigure } = await compose(config());
    expect(await reconfigure(config({ host: '0.0.0.0', maxQueue: 3 }))).toEqual(['host']);
  });

  it('loses no request while configurations change', async () => {
    const { url, reconfigure } = await compose(config());
    const statuses: number[] = [];
    let isDone = false;
    const asking = [1, 2, 3, 4].map(async (client) => {
      for (let i = 0; !isDone; i += 1) {
        statuses.push((await ask(url, { documents: [`${client} ${i}`, 'stew'] })).status);
      }
    });
    for (let i = 0; i < 6; i += 1) {
      const tier = i % 2 === 0 ? 'anchor' : 'tokens';
      await reconfigure({ ...config(), reranker: reranker({ tier }) });
    }
    isDone = true;
    await Promise.all(asking);
    expect(statuses.length).toBeGreaterThan(20);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });
});

describe('a chain', () => {
  it('asks the local model when the remote one fails, leaves it alone after some failures, and comes back', async () => {
    let isUp = false;
    const server = await answeringServer((response, asked) => {
      if (!isUp) {
        response.writeHead(500).end();
        return;
      }
      const { documents } = JSON.parse(asked.body) as { documents: string[] };
      const results = documents.map((_text, index) => ({ index, relevance_score: (index + 1) / 10 }));
      sendJson(response, 200, { results });
    });
    open.push(server);
    const remote = { api: 'cohere', url: `${server.url}/v2/rerank`, name: 'cohere', retries: 1 } as const;
    const { url } = await compose(
      config({
        cache: false,
        models: {
          blockrank: {
            chain: [{ remote }, { local: reranker() }],
            breaker: { consecutiveFailures: 2, halfOpenAfterMs: 2000 },
          },
        },
      }),
    );
    const state = 'breaker_state{model="blockrank",reranker="cohere"}';
    expect((await ask(url)).status).toBe(200);
    expect(server.asked).toHaveLength(2); // one try, and one more
    expect(await metric(url, 'retries_total{reranker="cohere"}')).toBe(1);
    await ask(url);
    expect(await metric(url, state)).toBe(2);
    const before = server.asked.length;
    expect((await ask(url)).status).toBe(200);
    expect(server.asked).toHaveLength(before); // left alone
    const code = 'code="remote-transient"';
    expect(await metric(url, `failovers_total{model="blockrank",reranker="cohere",${code}}`)).toBe(2);
    isUp = true;
    await new Promise((resolve) => setTimeout(resolve, 2020));
    const { json } = await ask(url);
    expect(json.results[0].index).toBe(1); // the remote service's order
    expect(await metric(url, state)).toBe(0);
  });

  it('asks a remote service again for whoever has more time than the one whose identical request it was', async () => {
    const server = await answeringServer((response, asked) => {
      const { documents } = JSON.parse(asked.body) as { documents: string[] };
      const results = documents.map((_text, index) => ({ index, relevance_score: 0.5 }));
      setTimeout(() => sendJson(response, 200, { results }), 300);
    });
    open.push(server);
    const remote = { api: 'cohere', url: `${server.url}/rerank`, retries: 0 } as const;
    const { url } = await compose(config({ models: { only: { chain: [{ remote }] } } }));
    const hasty = postJson(`${url}/v1/rerank`, body, { 'x-blockrank-deadline-ms': '150' });
    while (server.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const patient = ask(url);
    expect([(await hasty).status, (await patient).status]).toEqual([503, 200]);
    expect(server.asked).toHaveLength(2);
  });

  it('asks the local model in time when the remote one hangs, and leaves that alone after some failures', async () => {
    const server = await answeringServer(() => undefined);
    open.push(server);
    const remote = { api: 'cohere', url: `${server.url}/rerank`, name: 'hanging', retries: 0 } as const;
    const blockrank = { chain: [{ remote }, { local: reranker() }], breaker: { consecutiveFailures: 2 } };
    const { url } = await compose(config({ cache: false, models: { blockrank } }));
    for (const documents of [['a b'], ['c d'], ['e f']]) {
      const asked = { ...body, documents };
      const { status } = await postJson(`${url}/v1/rerank`, asked, { 'x-blockrank-deadline-ms': '2000' });
      expect(status).toBe(200);
    }
    expect(server.asked).toHaveLength(2);
    expect(await metric(url, 'breaker_state{model="blockrank",reranker="hanging"}')).toBe(2);
  });

  it('hands the deadline, the key and the model’s name on to a remote service', async () => {
    const headers: IncomingHttpHeaders[] = [];
    const server = createHttpServer((request, response) => {
      headers.push(request.headers);
      request.resume().on('end', () => sendJson(response, 200, { results: [0, 1].map(scored) }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    open.push({ close: async () => void server.close() });
    const { port } = server.address() as AddressInfo;
    const remote = { api: 'jina', url: `http://127.0.0.1:${port}/rerank`, apiKey: 'K' } as const;
    const { url } = await compose(
      config({ models: { only: { chain: [{ remote }], aliases: ['rerank-*'] } } }),
    );
    const asked = { ...body, model: 'rerank-v3.5' };
    const { status } = await postJson(`${url}/v1/rerank`, asked, { 'x-blockrank-deadline-ms': '4000' });
    expect([status, headers[0]!.authorization]).toEqual([200, 'Bearer K']);
    const left = Number(headers[0]!['x-blockrank-deadline-ms']);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(4000);
  });

  it('shows a breaker that lets one request try, and never leaves alone whoever has none', async () => {
    let answer = (response: ServerResponse): void => void response.writeHead(500).end();
    const server = await answeringServer((response) => answer(response));
    open.push(server);
    const remote = { api: 'cohere', url: `${server.url}/rerank`, name: 'r', retries: 0 } as const;
    const breaker = { consecutiveFailures: 1, halfOpenAfterMs: 50 };
    const models = {
      guarded: { chain: [{ remote }], breaker },
      bare: { chain: [{ remote }], breaker: false },
    } as const;
    const { url } = await compose(config({ cache: false, models }));
    for (let i = 0; i < 6; i += 1) expect((await ask(url, { model: 'bare' })).status).toBe(500);
    expect((await ask(url)).status).toBe(500);
    const state = (): Promise<number> => metric(url, 'breaker_state{model="guarded",reranker="r"}');
    expect(await state()).toBe(2);
    let during: Promise<number> | undefined;
    answer = (response) => {
      during = state().finally(() => sendJson(response, 200, { results: [0, 1].map(scored) }));
    };
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect((await ask(url)).status).toBe(200);
    expect([await during, await state()]).toEqual([1, 0]);
    const calls = (model: string, outcome: string): Promise<number> =>
      metric(url, `reranker_calls_total{model="${model}",reranker="r",outcome="${outcome}"}`);
    expect(await calls('bare', 'remote-transient')).toBe(6);
    expect(await calls('guarded', 'ok')).toBe(1);
  });

  it('answers 503 with Retry-After while its only member is left alone', async () => {
    const server = await answeringServer((response) => void response.writeHead(500).end());
    open.push(server);
    const remote = { api: 'tei', url: `${server.url}/rerank`, retries: 0 } as const;
    const models = { only: { chain: [{ remote }], breaker: { consecutiveFailures: 1 } } };
    const { url } = await compose(config({ models }));
    expect((await ask(url)).status).toBe(500);
    const { status, headers } = await ask(url);
    expect([status, headers.get('retry-after')]).toEqual([503, '5']);
  });
});

describe('a shadow', () => {
  it('is measured beside what is served', async () => {
    const models = { blockrank: { shadow: { local: reranker({ tier: 'anchor' }), share: 1 } } };
    const { url } = await compose(config({ models }));
    await ask(url);
    const count = 'shadow_overlap_count{model="blockrank"}';
    while ((await metric(url, count)) === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await metric(url, count)).toBe(1);
  });

  it('is never served, sees its share, and is told apart by what became of its calls', async () => {
    let isUp = true;
    const shadow = await answeringServer((response, { body: text }) => {
      const { documents } = JSON.parse(text) as { documents: string[] };
      if (isUp) sendJson(response, 200, { results: documents.map((_text, i) => scored(i)) });
      else response.writeHead(401).end();
    });
    open.push(shadow);
    const primary = await answeringServer((response, { body: text }) => {
      const { documents } = JSON.parse(text) as { documents: string[] };
      const results = documents.map((_text, index) => ({ index, relevance_score: (index + 1) / 20 }));
      sendJson(response, 200, { results });
    });
    open.push(primary);
    const remote = (server: { url: string }, name: string) =>
      ({ api: 'cohere', url: `${server.url}/rerank`, name, retries: 0 }) as const;
    const chain = [{ remote: remote(primary, 'p') }];
    const models = {
      all: { chain, shadow: { remote: remote(shadow, 's') } },
      none: { chain, shadow: { remote: remote(shadow, 's'), share: 0 } },
    };
    const { url } = await compose(config({ cache: false, models }));
    const documents = Array.from({ length: 15 }, (_, i) => `document ${i}`);
    expect((await ask(url, { model: 'none', documents })).status).toBe(200);
    const { json } = await ask(url, { documents });
    expect(json.results[0].index).toBe(14); // the primary's order
    const until = async (line: string): Promise<void> => {
      while ((await metric(url, line)) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const calls = (outcome: string): string =>
      `reranker_calls_total{model="all",reranker="shadow:s",outcome="${outcome}"}`;
    await until(calls('ok'));
    expect(shadow.asked).toHaveLength(1);
    // Documents 5 to 14 against 0 to 9.
    expect(await metric(url, 'shadow_overlap_sum{model="all"}')).toBe(0.5);
    isUp = false;
    expect((await ask(url, { documents })).json.results[0].index).toBe(14);
    await until(calls('remote-configuration'));
    expect(await metric(url, 'shadow_overlap_count{model="all"}')).toBe(1);
  });
});

describe('a worker that dies', () => {
  it('is replaced, and its request is answered', async () => {
    const { url } = await compose(config());
    const killing = killNextEncoder();
    const { status, json } = await ask(url, { documents: ['one', 'two'] });
    expect([killing.died(), status, json.results.length]).toEqual([1, 200, 2]);
    expect((await ask(url, { documents: ['three', 'four'] })).status).toBe(200);
  });

  it('and cannot be replaced makes the service unready until it is, and nobody waits for it', async () => {
    const own = await tinyModel();
    const { url } = await compose({ ...config(), reranker: reranker({ model: own }) });
    const readiness = async (): Promise<number> => (await fetch(`${url}/readyz`)).status;
    expect([await readiness(), await metric(url, 'ready')]).toEqual([200, 1]);
    await rename(join(own, 'tokenizer.json'), join(own, 'away.json'));
    killNextEncoder();
    expect((await ask(url, { documents: ['one', 'two'] })).status).toBe(500);
    expect([await readiness(), await metric(url, 'ready')]).toEqual([503, 0]);
    expect((await ask(url, { documents: ['five'] })).status).toBe(500);
    await rename(join(own, 'away.json'), join(own, 'tokenizer.json'));
    while ((await readiness()) !== 200) await new Promise((resolve) => setTimeout(resolve, 10));
    expect((await ask(url, { documents: ['three', 'four'] })).status).toBe(200);
    await rm(own, { recursive: true });
  });
});

/** Lets the next worker that is to encode die before it begins: ending a thread inside the runtime would end the process. */
function killNextEncoder(): { died(): number } {
  const postMessage = Worker.prototype.postMessage;
  let died = 0;
  const spy = vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, message) {
    const { request: task } = message as { request: { kind: string } };
    if (task.kind !== 'encode') return postMessage.call(this, message);
    died += 1;
    void this.terminate();
    spy.mockRestore();
  });
  return { died: () => died };
}

describe('encryption', () => {
  let certificates: Certificates;
  beforeAll(async () => {
    certificates = await makeCertificates();
  });
  afterAll(() => certificates.remove());

  const get = (url: string, options: object): Promise<{ status: number; name: string }> =>
    new Promise((resolve, reject) => {
      const sent = request(`${url}/healthz`, { agent: false, ...options }, (response) => {
        const { subject } = (response.socket as import('node:tls').TLSSocket).getPeerCertificate();
        response
          .resume()
          .on('end', () => resolve({ status: response.statusCode!, name: String(subject.CN) }));
      });
      sent.on('error', reject).end();
    });

  it('asks for a client’s certificate where it is told to, and takes a new certificate while it runs', async () => {
    const { ca, server, client, stranger, files } = certificates;
    const folder = join(files.ca, '..');
    const [cert, key] = [join(folder, 'served.pem'), join(folder, 'served-key.pem')];
    await writeFile(cert, server.cert);
    await writeFile(key, server.key);
    const tls = { cert, key, clientCa: files.ca };
    const { url, reconfigure } = await compose(config({ tls }));
    const trusting = { ca: ca.cert, checkServerIdentity: () => undefined };
    expect(await get(url, { ...trusting, ...client })).toEqual({ status: 200, name: 'search.test' });
    await expect(get(url, trusting)).rejects.toThrow();
    await expect(get(url, { ...trusting, ...stranger })).rejects.toThrow();
    await writeFile(cert, client.cert);
    await writeFile(key, client.key);
    await reconfigure(config({ tls }));
    // A client's certificate in the place of a server's: what counts is that another one is shown.
    const shown = await get(url, { ...trusting, ...client, rejectUnauthorized: false });
    expect(shown).toEqual({ status: 200, name: 'app' });
    expect(await readFile(cert, 'utf8')).toBe(client.cert);
  });

  it('that is switched on, off, or asks for other certificates needs a restart, and says so', async () => {
    const { clientCert: cert, clientKey: key, ca: clientCa } = certificates.files;
    const forms = [undefined, { cert, key }, { cert, key, clientCa }];
    for (const from of forms) {
      const { reconfigure } = await compose(config({ tls: from }));
      for (const to of forms)
        expect(await reconfigure(config({ tls: to }))).toEqual(to === from ? [] : ['tls']);
    }
  });

  it('keeps the certificate in use when the next one is none, and lets go what was opened beside it', async () => {
    const { client, files } = certificates;
    const folder = join(files.ca, '..');
    const [cert, key] = [join(folder, 'kept.pem'), join(folder, 'kept-key.pem')];
    await writeFile(cert, client.cert);
    await writeFile(key, client.key);
    const { url, reconfigure } = await compose(config({ tls: { cert, key } }));
    const terminate = vi.spyOn(Worker.prototype, 'terminate');
    await writeFile(cert, 'no certificate');
    await expect(reconfigure(config({ tls: { cert, key } }))).rejects.toMatchObject({
      issues: [{ path: 'service.tls.cert', message: `expected a PEM file, got "${cert}"` }],
    });
    // The form alone is right, which only shows when it is put to use.
    await writeFile(cert, '-----BEGIN CERTIFICATE-----');
    const models = { blockrank: {}, other: { chain: [{ local: reranker({ tier: 'anchor' }) }] } };
    await expect(reconfigure(config({ tls: { cert, key }, models }))).rejects.toThrow();
    expect(await get(url, { rejectUnauthorized: false })).toEqual({ status: 200, name: 'app' });
    expect(terminate).toHaveBeenCalledTimes(1); // the worker of `other`
    terminate.mockRestore();
  });

  it('reads a key under a passphrase', async () => {
    const { clientCert: cert, encryptedKey: key } = certificates.files;
    const { url } = await compose(config({ tls: { cert, key, passphrase } }));
    expect(await get(url, { rejectUnauthorized: false })).toEqual({ status: 200, name: 'app' });
  });

  it('names the file that it cannot read', async () => {
    const tls = { cert: '/nowhere/cert.pem', key: certificates.files.clientKey };
    await expect(compose(config({ tls }))).rejects.toThrow(
      'service.tls.cert: cannot read "/nowhere/cert.pem"',
    );
  });
});
