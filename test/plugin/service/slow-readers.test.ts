/** Callers who take their time, or never take their answer. */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { gatedReranker } from '../../support/doubles/gated-reranker.ts';
import {
  type TestService,
  type TestServiceOptions,
  testService,
} from '../../support/servers/test-service.ts';

let open: TestService | undefined;
afterEach(() => open?.close());

async function start(options: TestServiceOptions): Promise<TestService> {
  open = await testService(options);
  return open;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function dial(url: string): Socket {
  const { hostname, port } = new URL(url);
  return connect(Number(port), hostname);
}

function rerankRequest(body: object): string {
  const json = JSON.stringify(body);
  const head = 'POST /v1/rerank HTTP/1.1\r\nHost: a\r\nContent-Type: application/json';
  return `${head}\r\nContent-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`;
}

describe('a caller who does not read', () => {
  it('is cut off, and what its answer held is let go', async () => {
    const large = 20_000_000; // more than the system keeps for a connection that nobody reads
    const config = { sendTimeoutMs: 500, maxBodyBytes: large + 1000, maxHeldBytes: large + 1000 } as const;
    const { url, post, metric } = await start({ config });
    const socket = dial(url).pause();
    socket.on('error', () => {}); // that it is cut off is the point
    socket.write(rerankRequest({ query: 'a', documents: ['b'.repeat(large)], return_documents: true }));
    while ((await metric('requests_total')) === 0) await sleep(10); // counted once it is over
    expect((await post('/v1/rerank', { query: 'a', documents: ['c'.repeat(large)] })).status).toBe(200);
    socket.destroy();
  });
});

describe('a caller who reads', () => {
  it('may wait for a ranking longer than for its answer, also for the second of one connection', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const config = { sendTimeoutMs: 500 };
    const { url } = await start({ config, reranker });
    const socket = dial(url);
    let answers = '';
    socket.on('data', (chunk) => {
      answers += String(chunk);
    });
    const ask = (text: string): string => rerankRequest({ query: 'a', documents: [text] });
    socket.write(ask('first') + ask('second')); // pipelined: the second waits from the first's answer on
    for (const at of [0, 1]) {
      await waitFor(at + 1);
      await sleep(3 * config.sendTimeoutMs);
      gates[at]!();
    }
    while (answers.split('HTTP/1.1 200').length < 3) {
      expect(socket.closed).toBe(false);
      await sleep(5);
    }
    socket.destroy();
  });
});
