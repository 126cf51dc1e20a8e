/** Requests that mean no good, or that nobody meant at all. */
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { heapAfterCollection } from '../../support/checks/heap.ts';
import { recordedRequest, type TestService, testService } from '../../support/servers/test-service.ts';

const config = { maxBodyBytes: 1_000_000, log: { level: 'silent' } } as const;
let service: TestService;
beforeAll(async () => {
  service = await testService({ config, reranker: fakeReranker({ keepsCalls: false }) });
});
afterAll(() => service.close());

const paths = [
  '/v1/rerank',
  '/v2/rerank',
  '/cohere/v1/rerank',
  '/jina/v1/rerank',
  '/voyage/v1/rerank',
  '/rerank',
  '/blockrank/rerank',
];
const recorded = [
  'opensearch-3.6.0',
  'opensearch-2.19.6',
  'elasticsearch-custom',
  'elasticsearch-hugging-face',
].map(recordedRequest);

async function send(path: string, body: string | Buffer, url = service.url): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}${path}`, { method: 'POST', headers, body });
  const text = await response.text();
  if (response.status !== 200) JSON.parse(text); // every error is JSON, too
  return response.status;
}

async function isWell({ url } = service): Promise<void> {
  expect(await send('/v1/rerank', '{"query":"a","documents":["b"]}', url)).toBe(200);
}

/** Sends bytes over a socket, the next ones when those before have gone and nothing came back; gives what came until the service closed it. */
function talk(parts: readonly string[], pauseMs = 0, { url } = service): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let answer = '';
    let next = 0;
    const write = (): void => {
      if (next >= parts.length || socket.destroyed || answer !== '') return;
      socket.write(parts[next++]!, () => setTimeout(write, pauseMs));
    };
    socket.on('connect', write);
    socket.on('data', (chunk) => {
      answer += String(chunk);
    });
    socket.on('error', () => resolve(answer));
    socket.on('close', () => resolve(answer));
  });
}

/** A body as a search server sent it, with one thing wrong. */
const mutated = fc
  .record({
    body: fc.constantFrom(...recorded),
    kind: fc.constantFrom('cut', 'drop', 'double', 'swap', 'byte', 'value'),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    byte: fc.integer({ min: 0, max: 255 }),
    value: fc.jsonValue({ maxDepth: 3 }),
  })
  .map(({ body, kind, at, byte, value }) => {
    const bytes = Buffer.from(body);
    const place = Math.floor(at * bytes.length);
    switch (kind) {
      case 'cut':
        return bytes.subarray(0, place);
      case 'drop':
        return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + 1)]);
      case 'double':
        return Buffer.concat([bytes.subarray(0, place), bytes]);
      case 'swap':
        return Buffer.from(body.replace(/"(query|documents|texts|top_n)"/, '"other"'));
      case 'byte':
        return Buffer.concat([bytes.subarray(0, place), Buffer.of(byte), bytes.subarray(place + 1)]);
      default: {
        const parsed = JSON.parse(body) as Record<string, unknown>;
        const keys = Object.keys(parsed);
        parsed[keys[Math.floor(at * (keys.length - 1))]!] = value;
        return Buffer.from(JSON.stringify(parsed));
      }
    }
  });

const anything = fc.oneof(
  { weight: 6, arbitrary: mutated },
  { weight: 1, arbitrary: fc.json({ maxDepth: 6 }).map((json) => Buffer.from(json)) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }).map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
);

/** Changes nothing of what JSON says, and makes a body that is kept weigh something. */
const blanks = Buffer.alloc(2000, ' ');

describe('10,000 malformed bodies', () => {
  it('are each answered with 2xx or 4xx, and leave nothing behind', async () => {
    const bodies = fc.sample(fc.tuple(fc.constantFrom(...paths), anything), { numRuns: 10_000, seed: 7 });
    const statuses = new Map<number, number>();
    const inParallel = 32;
    let before = 0;
    for (let at = 0; at < bodies.length; at += inParallel) {
      const part = bodies.slice(at, at + inParallel);
      for (const status of await Promise.all(
        part.map(([path, body]) => send(path, Buffer.concat([body, blanks]))),
      )) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      if (at === 32 * 60) before = heapAfterCollection();
    }
    // A body kept of each of the last 8,000 would be 16 MB.
    expect(heapAfterCollection() - before).toBeLessThan(4e6);
    expect([...statuses.keys()].filter((status) => status >= 500 && status !== 503)).toEqual([]);
    expect(statuses.get(503) ?? 0).toBe(0);
    expect(statuses.get(200)).toBeGreaterThan(100); // some mutations leave a request a request
    expect(statuses.get(400)).toBeGreaterThan(1000);
    expect(await service.metric('in_flight')).toBe(0);
    expect(await service.metric('queue_length')).toBe(0);
    await isWell();
  });
});

describe('a slow sender', () => {
  let impatient: TestService;
  beforeAll(async () => {
    impatient = await testService({ config: { ...config, receiveTimeoutMs: 1500 } });
  });
  afterAll(() => impatient.close());

  it('of headers is cut off', async () => {
    const started = performance.now();
    const drops = Array.from({ length: 100 }, (_, i) => `X-Drop-${i}: 1\r\n`);
    const answer = await talk(['POST /v1/rerank HTTP/1.1\r\nHost: a\r\n', ...drops], 100, impatient);
    expect(answer).toContain('408');
    expect(performance.now() - started).toBeLessThan(45_000); // Node's own limit is 60 s
    await isWell(impatient);
  });

  it('of a body is cut off', async () => {
    const head =
      'POST /v1/rerank HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n';
    const answer = await talk([head, ...Array.from({ length: 100 }, () => ' ')], 100, impatient);
    expect(answer).toContain('408');
    await isWell(impatient);
  });
});

describe('too much', () => {
  it('of a body is refused before it was read, also when its length is a lie', async () => {
    const body = JSON.stringify({ query: 'a', documents: ['b'.repeat(1_100_000)] });
    expect(await send('/v1/rerank', body)).toBe(413);
    const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const head =
      'POST /rerank HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
    expect(await talk([head, ...Array.from({ length: 40 }, () => chunk)])).toContain('413');
    await isWell();
  });

  it('of headers is refused', async () => {
    const flood = Array.from({ length: 5000 }, (_, i) => `X-Flood-${i}: ${'y'.repeat(20)}\r\n`).join('');
    const answer = await talk([`GET /healthz HTTP/1.1\r\nHost: a\r\n${flood}\r\n`]);
    expect(answer).toMatch(/^HTTP\/1\.1 431/);
    await isWell();
  });

  it('of documents is refused', async () => {
    const documents = Array.from({ length: 100_000 }, (_, i) => String(i % 10));
    expect(await send('/v1/rerank', JSON.stringify({ query: 'a', documents }))).toBe(400);
    expect(await send('/rerank', JSON.stringify({ query: 'a', texts: documents }))).toBe(413);
    await isWell();
  });

  it('of depth is refused', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(await send('/v1/rerank', deep)).toBe(400);
    expect(await send('/v1/rerank', `{"query":"a","documents":[{"text":${deep}}]}`)).toBe(400);
    await isWell();
  });
});

describe('a forged key of an object', () => {
  it('changes nothing', async () => {
    expect(await send('/v1/rerank', '{"query":"a","documents":["b"],"__proto__":{"topN":1}}')).toBe(400);
    expect(
      await send('/v1/rerank', '{"query":"a","documents":[{"constructor":{"prototype":{"x":1}}}]}'),
    ).toBe(400);
    expect(({} as { x?: number }).x).toBeUndefined();
  });
});

describe('two requests in one', () => {
  it('with two lengths are refused', async () => {
    const body = '{"query":"a","documents":["b"]}';
    const head = `POST /v1/rerank HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    const answer = await talk([`${head}Transfer-Encoding: chunked\r\n\r\n${body}`]);
    expect(answer).toMatch(/^HTTP\/1\.1 400/);
  });
});

describe('a text that no tokenizer reads', () => {
  it('is mended before the reranker sees it', async () => {
    const reranker = fakeReranker();
    const own = await testService({ reranker });
    const body = '{"query":"a \\ud800","documents":["\\udc00\\ud800","\\u0000",""]}';
    expect((await own.post('/v1/rerank', body)).status).toBe(200);
    const [{ query, candidates } = { query: { text: '' }, candidates: [] }] = reranker.calls;
    const texts = [query.text, ...candidates.map(({ text }) => text)];
    expect(texts).toContain('a \ufffd');
    expect(texts.every((text) => text.isWellFormed())).toBe(true);
    await own.close();
  });
});
