/** What bodies may be, and what they may cost before anything is ranked. */
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { byteBudget } from '../../../plugin/service/held-bytes.ts';
import { assertShape } from '../../../plugin/service/json-shape.ts';
import { gatedReranker } from '../../support/doubles/gated-reranker.ts';
import { serviceStarter } from '../../support/servers/test-service.ts';

const start = serviceStarter();

/** Sends bytes with these headers. */
async function send(url: string, body: string | Uint8Array, headers: Record<string, string> = {}) {
  const sent = { 'content-type': 'application/json', ...headers };
  const response = await fetch(url, { method: 'POST', headers: sent, body });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text };
}

const ask = { query: 'dogs bark', documents: ['cats', 'dogs bark'] };

describe('a list', () => {
  it('of five million wrong documents is refused for its length, and the service lives on', async () => {
    const { url, post } = await start();
    const wrong = (key: string): string => `{"query":"a","${key}":[${'1,'.repeat(4_999_999)}1]}`;
    expect((await send(`${url}/v1/rerank`, wrong('documents'))).status).toBe(413);
    expect((await send(`${url}/rerank`, wrong('texts'))).status).toBe(413);
    expect((await post('/v1/rerank', ask)).status).toBe(200);
  });
});

describe('assertShape', () => {
  const bytes = (json: string): Buffer => Buffer.from(json);

  it('refuses what is too deep or holds too much, before it is parsed', () => {
    const deep = (levels: number): Buffer => bytes('['.repeat(levels) + ']'.repeat(levels));
    expect(() => assertShape(deep(32), 1000)).not.toThrow();
    expect(() => assertShape(deep(33), 1000)).toThrow('at most 32 levels deep');
    expect(() => assertShape(bytes('{"a":'.repeat(33)), 1000)).toThrow('at most 32 levels deep');
    expect(() => assertShape(bytes(`[${'{},'.repeat(50)}1]`), 100)).toThrow('more than 100 values');
    expect(() => assertShape(bytes(`[${'1,'.repeat(90)}1]`), 100)).not.toThrow();
  });

  it('counts nothing that stands in a text', () => {
    const text = JSON.stringify(['[{,"\\', '\\', '[['.repeat(100), '\u00e9"[,']);
    expect(() => assertShape(bytes(text), 5)).not.toThrow();
    expect(() => assertShape(bytes('["never ends'), 5)).not.toThrow(); // whoever parses it will say so
  });
});

describe('a packed body', () => {
  it('is read by gzip and refused, in the form of the route, in any other way', async () => {
    const { url } = await start();
    const body = gzipSync(JSON.stringify(ask));
    const { status, text } = await send(`${url}/v1/rerank`, body, { 'content-encoding': 'gzip' });
    expect([status, JSON.parse(text).results[0].index]).toEqual([200, 1]);
    const other = await send(`${url}/jina/v1/rerank`, body, { 'content-encoding': 'br' });
    expect([other.status, JSON.parse(other.text)]).toEqual([
      415,
      { detail: 'Expected a body that is not packed, or packed by gzip.' },
    ]);
    for (const broken of [body.subarray(0, 30), Buffer.from('no gzip at all')]) {
      expect((await send(`${url}/v1/rerank`, broken, { 'content-encoding': 'gzip' })).status).toBe(400);
    }
  });

  it('is unpacked no further than a body may be long', async () => {
    const config = { maxBodyBytes: 100_000, maxHeldBytes: 300_000 };
    const { url, post, metric } = await start({ config });
    const bomb = gzipSync(Buffer.alloc(50_000_000, ' '));
    expect(bomb.length).toBeLessThan(100_000);
    expect((await send(`${url}/v1/rerank`, bomb, { 'content-encoding': 'gzip' })).status).toBe(413);
    expect((await post('/v1/rerank', ask)).status).toBe(200);
    // Unpacked to its end it would have taken more than all requests may.
    expect(await metric('shed_total', { reason: 'memory' })).toBe(0);
  });
});

describe('a body that is no JSON', () => {
  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'of the type %s is refused in the form of the route',
    async (type) => {
      const { url } = await start();
      const { status, text } = await send(`${url}/rerank`, '{"query":"a"}', { 'content-type': type });
      expect([status, JSON.parse(text)]).toEqual([
        415,
        { error: 'Expected the content type application/json.', error_type: 'Validation' },
      ]);
    },
  );
});

describe('byteBudget', () => {
  it('gets back what a request held, once, and counts nothing that comes after its end', () => {
    const budget = byteBudget({ maxBytes: () => 100, onRefused: () => {} });
    const over = budget.open();
    over.add(60);
    over.release();
    over.release();
    over.add(60); // bytes that were on their way when the request was refused
    const next = budget.open();
    expect(() => next.add(100)).not.toThrow();
    expect(() => next.add(1)).toThrow('Try again later');
  });
});

describe('all bodies together', () => {
  const config = { maxBodyBytes: 100_000, maxHeldBytes: 100_000 };
  const large = (of: string): object => ({ query: of, documents: [of.repeat(80_000)] });

  it('hold so many bytes at most; whoever brings more is told to come again', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const { url, post, metric } = await start({ config, reranker });
    const first = post('/v1/rerank', large('a'));
    await waitFor(1);
    const refused = await post('/v1/rerank', large('b'));
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await post('/rerank', { query: 'b', texts: ['b'.repeat(80_000)] })).status).toBe(429);
    const packed = gzipSync(JSON.stringify(large('c'))); // it is the unpacked bytes that are held
    expect((await send(`${url}/v1/rerank`, packed, { 'content-encoding': 'gzip' })).status).toBe(503);
    expect(await metric('shed_total', { reason: 'memory' })).toBe(3);
    const small = post('/v1/rerank', ask);
    await waitFor(2);
    for (const gate of gates) gate();
    expect([(await first).status, (await small).status]).toEqual([200, 200]);
    const next = post('/v1/rerank', large('d'));
    await waitFor(3);
    gates[2]!();
    expect((await next).status).toBe(200);
  });

  it('give back what one held that was never sent whole', async () => {
    const { url, post, metric } = await start({ config });
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    const head = 'POST /v1/rerank HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
    socket.write(`${head}Content-Length: 90000\r\n\r\n${'x'.repeat(80_000)}`);
    while ((await post('/v1/rerank', large('a'))).status !== 503); // it has come
    socket.destroy();
    while ((await metric('requests_total', { status: '499' })) < 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect((await post('/v1/rerank', large('b'))).status).toBe(200);
  });
});
