/** How fast a decoder reads documents, beside its own matrix products and beside llama.cpp, on the same threads. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toOnnx } from '../engine/graph/onnx.ts';
import * as g from '../engine/graph/operations/index.ts';
import { fileTensor, input, type Value } from '../engine/graph/value.ts';
import { DecoderRunner } from '../engine/rerank/decoder/decoder-runner.ts';
import { openSession } from '../engine/session/runtime.ts';
import type { WeightTable } from '../engine/weights/weight-table.ts';
import { atLeast, type Bench, hasAvx512, rounded, threads } from './support/bench.ts';
import { smolShape } from './support/decoder-shape.ts';
import { alternate, median, medianRatio, timed } from './support/measure.ts';
import { installPeer, Peer, peerVersion } from './support/peer.ts';
import { type GgufFormat, writeRandomGguf } from './support/random-gguf.ts';
import { randomDecoderWeights } from './support/random-weights.ts';

const rounds = 7;
const documents = 8;
const tokens = 96;
const past = 92;

export const prefill: Bench = {
  about: `${documents} documents of ${tokens} tokens through the 30 layers of SmolLM2-135M's shape, beside their matrix products alone and beside llama.cpp at its best batch.`,
  async run(note) {
    const folder = await mkdtemp(join(tmpdir(), 'blockrank-prefill-'));
    try {
      note('writing random weights');
      const weights = await randomDecoderWeights(smolShape, { folder, type: 'float32' });
      installPeer(peerFolder, note);
      const times = await time(weights, folder, note);
      const share = medianRatio(times.products, times.model);
      const perSecond = (name: Exclude<keyof Times, 'batchTokens'>): number =>
        rounded((documents * tokens * 1000) / median(times[name]));
      return {
        figures: {
          tokensPerSecond: perSecond('model'),
          tokensPerSecondMapped: perSecond('mapped'),
          productsTokensPerSecond: perSecond('products'),
          peer: peerVersion(peerFolder, 'node-llama-cpp'),
          peerTokensPerSecond: { f16: perSecond('f16'), q8_0: perSecond('q8_0') },
          peerBatchTokens: times.batchTokens,
          timesAsFastAsQ8: rounded(medianRatio(times.q8_0, times.model)),
        },
        checks: [
          atLeast('products / model', share, hasAvx512() ? 0.85 : 0.9),
          atLeast('times as fast as llama.cpp, fp16', medianRatio(times.f16, times.model), 1),
        ],
      };
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

type Times = Record<'model' | 'mapped' | 'products' | GgufFormat, number[]> & {
  readonly batchTokens: Readonly<Record<GgufFormat, number>>;
};

const peerFolder = fileURLToPath(new URL('./peers/llama', import.meta.url));
const peerBatches = [128, 256, 512, 768];
/** The peer's vocabulary is tiny: what the tokens are does not change the time. */
const peerIds = Array.from({ length: documents }, (_, d) =>
  Array.from({ length: tokens }, (_id, j) => 260 + ((d * 131 + j * 97) % 250)),
);

interface LlamaPeer {
  readonly run: () => Promise<unknown>;
  readonly batchTokens: number;
  readonly close: () => Promise<void>;
}

/** llama.cpp with flash attention, at its fastest batch size. */
async function openLlama(folder: string, format: GgufFormat): Promise<LlamaPeer> {
  const path = join(folder, `${format}.gguf`);
  await writeRandomGguf(path, smolShape, format);
  const peer = new Peer(peerFolder);
  const run = (): Promise<unknown> => peer.ask({ prefill: peerIds });
  const load = (batchSize: number): Promise<unknown> =>
    peer.ask({ load: { path, threads, sequences: documents, batchSize, contextTokens: documents * 128 } });
  let best = { batchSize: 0, time: Number.POSITIVE_INFINITY };
  for (const batchSize of peerBatches) {
    await load(batchSize);
    await run();
    const time = Math.min(await timed(run), await timed(run));
    if (time < best.time) best = { batchSize, time };
  }
  await load(best.batchSize);
  return { run, batchTokens: best.batchSize, close: () => peer.close() };
}

async function time(weights: WeightTable, folder: string, note: (text: string) => void): Promise<Times> {
  const reading = { layers: smolShape.layers, lastKeys: false };
  const runners = [true, false].map(
    (prepack) => new DecoderRunner({ config: smolShape, weights }, reading, { folder, threads, prepack }),
  );
  const contenders = runners.map((runner) => encodingOf(runner));
  const products = await openProducts(weights, folder);
  note('looking for the best batch of the peer');
  const peers = { f16: await openLlama(folder, 'f16'), q8_0: await openLlama(folder, 'q8_0') };
  note(`${rounds} rounds`);
  try {
    const times = await alternate(rounds, {
      model: contenders[0]!,
      mapped: contenders[1]!,
      products: products.run,
      f16: peers.f16.run,
      q8_0: peers.q8_0.run,
    });
    return { ...times, batchTokens: { f16: peers.f16.batchTokens, q8_0: peers.q8_0.batchTokens } };
  } finally {
    await Promise.all([peers.f16.close(), peers.q8_0.close()]);
    for (const runner of runners) await runner.release();
    await products.release();
  }
}

function encodingOf(runner: DecoderRunner): () => Promise<void> {
  const states = runner.states(past + documents * tokens);
  const sequences = Array.from({ length: documents }, (_, d) => ({
    ids: Int32Array.from({ length: tokens }, (_id, j) => 1 + ((d * 131 + j * 97) % 40_000)),
    at: past + d * tokens,
  }));
  return () => runner.encode(sequences, { past: { states, tokens: past }, firstPosition: past });
}

/** Every product of the same pass: linear layers, and attention's two over past and own tokens. */
async function openProducts(
  weights: WeightTable,
  folder: string,
): Promise<{ run: () => Promise<unknown>; release: () => Promise<void> }> {
  const { layers, heads: H, keyValueHeads: K, headSize: D, innerWidth: F, width: W } = smolShape;
  const rows = documents * tokens;
  const group = (H / K) * tokens;
  const x = input('x', 'float32', [rows, W]);
  const inner = input('inner', 'float32', [rows, F]);
  const queries = input('queries', 'float32', [documents, K, group, D]);
  const keys = input('keys', 'float32', [documents, K, D, past + tokens]);
  const attention = input('attention', 'float32', [documents, K, group, past + tokens]);
  const values = input('values', 'float32', [documents, K, past + tokens, D]);
  const outputs: Record<string, Value> = {};
  // One row of each product is given back: enough to have it computed, too little to cost.
  const keep = (value: Value): void => {
    outputs[`y${Object.keys(outputs).length}`] = g.slice(value, { axis: 0, start: 0, end: 1 });
  };
  // The layers before the last one do all; of the last one only keys and values are left behind.
  for (let layer = 0; layer < layers; layer += 1) {
    const linear = (part: string, of: Value): Value => {
      const name = `model.layers.${layer}.${part}.weight`;
      const { file, offset, length, shape } = weights.get(name)!;
      const tensor = fileTensor(name, { type: 'float32', shape }, { location: file, offset, length });
      return g.linear(of, tensor);
    };
    for (const part of ['k', 'v']) keep(linear(`self_attn.${part}_proj`, x));
    if (layer === layers - 1) continue;
    for (const part of ['self_attn.q_proj', 'self_attn.o_proj', 'mlp.gate_proj', 'mlp.up_proj'])
      keep(linear(part, x));
    keep(linear('mlp.down_proj', inner));
    // Scaled by another number in each layer, or the runtime would compute one product for all.
    const scale = input(`scale${layer}`, 'float32', [1]);
    keep(g.matmul(g.multiply(queries, scale), keys));
    keep(g.matmul(g.multiply(attention, scale), values));
  }
  const session = await openSession(toOnnx(outputs), { folder, threads, prepack: true });
  const random = (...shape: number[]): { type: 'float32'; shape: number[]; data: Float32Array } => {
    const count = shape.reduce((product, axis) => product * axis, 1);
    return { type: 'float32', shape, data: Float32Array.from({ length: count }, (_, i) => Math.sin(i)) };
  };
  const feeds = {
    x: random(rows, W),
    inner: random(rows, F),
    queries: random(documents, K, group, D),
    keys: random(documents, K, D, past + tokens),
    attention: random(documents, K, group, past + tokens),
    values: random(documents, K, past + tokens, D),
    ...Object.fromEntries(Array.from({ length: layers - 1 }, (_, layer) => [`scale${layer}`, random(1)])),
  };
  return { run: () => session.run(feeds, Object.keys(outputs)), release: () => session.release() };
}
