/** How fast a decoder reads documents, beside its own matrix products on the same threads. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toOnnx } from '../engine/graph/onnx.ts';
import * as g from '../engine/graph/operations.ts';
import { fileTensor, input, type Value } from '../engine/graph/value.ts';
import { DecoderRunner } from '../engine/rerank/decoder-runner.ts';
import { openSession } from '../engine/session/runtime.ts';
import type { WeightTable } from '../engine/weights/weight-table.ts';
import { atLeast, type Bench, hasAvx512, rounded, threads } from './support/bench.ts';
import { randomDecoderWeights, smolShape } from './support/decoder-shape.ts';
import { alternate, median, medianRatio } from './support/measure.ts';

const rounds = 7;
const documents = 8;
const tokens = 96;
const past = 92;

export const prefill: Bench = {
  about: `${documents} documents of ${tokens} tokens through the 30 layers of SmolLM2-135M's shape, beside their matrix products alone.`,
  async run(note) {
    const folder = await mkdtemp(join(tmpdir(), 'blockrank-prefill-'));
    try {
      note('writing random weights');
      const weights = await randomDecoderWeights(smolShape, { folder, type: 'float32' });
      const times = await time(weights, folder, note);
      const share = medianRatio(times.products, times.model);
      const perSecond = (name: keyof typeof times): number =>
        rounded((documents * tokens * 1000) / median(times[name]));
      return {
        figures: {
          tokensPerSecond: perSecond('model'),
          tokensPerSecondMapped: perSecond('mapped'),
          productsTokensPerSecond: perSecond('products'),
        },
        checks: [atLeast('products / model', share, hasAvx512() ? 0.85 : 0.9)],
      };
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

type Times = Record<'model' | 'mapped' | 'products', number[]>;

async function time(weights: WeightTable, folder: string, note: (text: string) => void): Promise<Times> {
  const reading = { layers: smolShape.layers, lastKeys: false };
  const runners = [true, false].map(
    (prepack) => new DecoderRunner({ config: smolShape, weights }, reading, { folder, threads, prepack }),
  );
  const contenders = runners.map((runner) => encodingOf(runner));
  const products = await openProducts(weights, folder);
  note(`${rounds} rounds`);
  try {
    return await alternate(rounds, {
      model: contenders[0]!,
      mapped: contenders[1]!,
      products: products.run,
    });
  } finally {
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
