/** What a model of the published size takes: weights as they are mapped, and a request's keys and values. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expandedBytes, requestBytes } from '../engine/rerank/decoder/decoder-memory.ts';
import { DecoderRunner } from '../engine/rerank/decoder/decoder-runner.ts';
import { keyValueBytes } from '../engine/states/key-values.ts';
import { atMost, type Bench, rounded, threads } from './support/bench.ts';
import { mistralShape, withLayers } from './support/decoder-shape.ts';
import { randomDecoderWeights } from './support/random-weights.ts';

/** Layers that are really there; the others are extrapolated. */
const layers = 3;
const scoringLayer = 20;
const instruction = 92;
const documentTokens = 115;
const query = 66;
const batchTokens = 768;
const documents = 20;

export const memory: Bench = {
  about: `Mistral-7B's shape from bf16 where it lies: memory of ${layers} layers measured, of ${scoringLayer} extrapolated.`,
  async run(note) {
    const folder = await mkdtemp(join(tmpdir(), 'blockrank-memory-'));
    try {
      note(`writing ${layers} layers`);
      const config = withLayers(mistralShape, layers);
      const weights = await randomDecoderWeights(config, { folder, type: 'bfloat16' });
      const weightBytes = [...weights.values()].reduce((sum, { length }) => sum + length, 0);
      const reading = { layers: layers - 1, lastKeys: true };
      const session = { folder, threads, prepack: false };
      const runner = new DecoderRunner({ config, weights }, reading, session);
      const before = anonymousBytes();
      const estimate = (count: number, shape = runner.shape): number =>
        requestBytes(mistralShape, shape, {
          instruction,
          documents: Array.from({ length: count }, () => documentTokens),
          query,
          batchTokens,
          expandedBytes: expandedBytes(weights),
        });
      note(`${documents} documents`);
      const { peak, opened } = await watched(() => read(runner));
      await runner.release();
      const whole = { ...runner.shape, layers: scoringLayer };
      const perToken = keyValueBytes(whole);
      return {
        figures: {
          weightMBALayer: rounded(weightBytes / 1e6 / layers),
          anonymousMBAfterOpening: rounded((opened - before) / 1e6),
          requestPeakMB: rounded((peak - before) / 1e6),
          requestEstimateMB: rounded(estimate(documents) / 1e6),
          keysAndValuesBytesAToken: perToken,
          keysAndValuesMBADocument: rounded((perToken * documentTokens) / 1e6),
          estimateGBAt100Documents: rounded(estimate(100, whole) / 1e9),
          estimateGBAt500Documents: rounded(estimate(500, whole) / 1e9),
        },
        checks: [
          atMost('anonymous memory after opening / weights', (opened - before) / weightBytes, 0.1),
          atMost('peak of a request / its estimate', (peak - before) / estimate(documents), 1),
        ],
      };
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

async function read(runner: DecoderRunner): Promise<void> {
  const ids = (count: number): Int32Array =>
    Int32Array.from({ length: count }, (_, i) => 1 + ((i * 97) % 30_000));
  const total = instruction + documents * documentTokens;
  const past = { states: runner.states(total), tokens: total };
  await runner.encode([{ ids: ids(instruction), at: 0 }], { past: { ...past, tokens: 0 }, firstPosition: 0 });
  const perBatch = Math.floor(batchTokens / documentTokens);
  for (let first = 0; first < documents; first += perBatch) {
    const batch = Array.from({ length: Math.min(perBatch, documents - first) }, (_, i) => ({
      ids: ids(documentTokens),
      at: instruction + (first + i) * documentTokens,
    }));
    await runner.encode(batch, { past: { ...past, tokens: instruction }, firstPosition: instruction });
  }
  const asked = { ids: ids(query), signals: [query - 2, query - 1], firstPosition: 16_384 };
  await runner.signalLogits(asked, past, { from: instruction, to: total });
}

/** Looks every millisecond, from a thread of its own: a run is native code that holds this one. */
const watcher = `
const { readFileSync } = require('node:fs');
const { workerData } = require('node:worker_threads');
const most = new Float64Array(workerData.most);
const stop = new Int32Array(workerData.stop);
while (Atomics.wait(stop, 0, 0, 1) === 'timed-out') {
  const line = /^RssAnon:\\s+(\\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  most[0] = Math.max(most[0], Number(line[1]) * 1024);
}`;

/** Anonymous memory after everything was opened once, and the most of it during a second run. */
async function watched(run: () => Promise<void>): Promise<{ peak: number; opened: number }> {
  await run(); // opens the sessions
  const opened = anonymousBytes();
  const most = new Float64Array(new SharedArrayBuffer(8));
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(watcher, { eval: true, workerData: { most: most.buffer, stop: stop.buffer } });
  await once(thread, 'online');
  await run();
  Atomics.store(stop, 0, 1);
  Atomics.notify(stop, 0);
  await once(thread, 'exit');
  return { peak: most[0]!, opened };
}

/** Memory that no file stands behind (Linux; elsewhere the whole of it). */
function anonymousBytes(): number {
  try {
    const line = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    return Number(line?.[1] ?? 0) * 1024;
  } catch {
    return process.memoryUsage().rss; // not Linux
  }
}
