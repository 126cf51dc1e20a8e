/**
 * What flows through the parts of an encoder's layers when it reads real texts.
 *
 * A part is attention or the feed-forward part of one layer; its last matrix reads `n` values a token (of all heads, or inner
 * values) and gives `W`.
 */
import { normalNumber } from '../../evaluation/random.ts';
import { toPrimitives } from '../../graph/decompositions/decompositions.ts';
import { gradientsOf } from '../../graph/gradients/gradients-of.ts';
import { toOnnx } from '../../graph/onnx.ts';
import * as g from '../../graph/operations/index.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import { input, type Value } from '../../graph/value.ts';
import { encoderWithin, l2Normalise } from '../../network/encoder.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import { encoderInputs, toEncoderFeeds } from '../../network/encoder-inputs.ts';
import { openSession } from '../../session/runtime.ts';
import { fileParameters } from '../../weights/file-parameters.ts';
import type { WeightFile } from '../../weights/precision-weights.ts';

/** Sums over many tokens. */
export interface PartMoments {
  /** Mean of what the last matrix reads, `[n]`. */
  readonly mean: Float64Array;
  /** Its covariance, `[n, n]`. */
  readonly covariance: Float64Array;
  /**
   * How much the encoder's states depend on what the matrix gives, `[W, W]`: for a small error `e` of every token, with mean 0,
   * the mean of `eᵀ·gain·e` is the loss, twice `1 - cosine` of tokens plus the same of anchors. Errors of different tokens count
   * as if they had nothing to do with each other.
   */
  readonly gain: Float64Array;
}

/** An encoder, and what it reads. */
export interface PartMomentsOptions {
  /** Its shape; layers do not loop. */
  readonly config: EncoderConfig;
  /** Float32 weights. */
  readonly weights: WeightFile;
  /** Blocks of token ids, in batches of similar lengths. */
  readonly batches: readonly (readonly Int32Array[])[];
  /** Random numbers in [0, 1). */
  readonly random: () => number;
  /** Threads of a run. @defaultValue 1 */
  readonly threads?: number;
}

/**
 * Reads the batches.
 *
 * @returns two parts a layer: attention, then the feed-forward part, the lowest layer's first.
 *
 * Source: the gain is the Gauss-Newton matrix of the states, estimated by random directions (Hutchinson 1990).
 */
export async function partMoments({
  config,
  weights,
  batches,
  random,
  threads = 1,
}: PartMomentsOptions): Promise<PartMoments[]> {
  const { folder, table, file } = weights;
  const outputs = momentsGraph(config, fileParameters(table, file));
  const names = Object.keys(outputs);
  const session = await openSession(toOnnx(outputs), { folder, threads, prepack: true, provider: 'cpu' });
  const sums = new Map<string, Float64Array>();
  try {
    for (const blocks of batches) {
      const results = await session.run(toFeeds(blocks, config, random), names);
      for (const name of names) addTo(sums, name, results[name]!.data as Float32Array);
    }
  } finally {
    await session.release();
  }
  const tokens = batches.flat().reduce((sum, { length }) => sum + length, 0);
  return Array.from({ length: 2 * config.layers }, (_, part) => ({
    ...centred(sums.get(`sum.${part}`)!, sums.get(`squares.${part}`)!, tokens),
    gain: sums.get(`gain.${part}`)!.map((value) => value / batches.length),
  }));
}

/** For each part the sum over tokens of what it reads, of that times itself, and of the gradients by what it gives. */
function momentsGraph(
  config: EncoderConfig,
  parameters: ReturnType<typeof fileParameters>,
): Record<string, Value> {
  const inputs = encoderInputs();
  const { layers, parts } = encoderWithin(config, parameters, { precision: 'fp32', inputs });
  const states = l2Normalise(layers.at(-1)!);
  const directions = input('directions', 'float32', states.shape);
  const along = g.sumOver(g.multiply(states, directions), [0, 1], { keeps: false });
  const [loss, ...values] = toPrimitives([along, ...parts.flatMap(({ read, given }) => [read, given])]);
  const isToken = input('isToken', 'float32', [states.shape[0]!, 1]);
  const reads = values.filter((_, i) => i % 2 === 0);
  const gradients = gradientsOf(
    loss!,
    values.filter((_, i) => i % 2 === 1),
  );
  const square = (a: Value, b: Value): Value => g.matmul(g.turned(a), b);
  const outputs: Record<string, Value> = {};
  for (const [part, read] of reads.entries()) {
    const kept = g.multiply(read, isToken);
    outputs[`sum.${part}`] = g.sumOver(kept, [0], { keeps: false });
    outputs[`squares.${part}`] = square(kept, read);
    outputs[`gain.${part}`] = square(gradients[part]!, gradients[part]!);
  }
  return outputs;
}

/** A direction a token, weighed so that tokens and first tokens count as means of their own. */
function toFeeds(
  blocks: readonly Int32Array[],
  config: EncoderConfig,
  random: () => number,
): Record<string, TensorValue> {
  const feeds = toEncoderFeeds(blocks, config, 0);
  const L = Math.max(...blocks.map(({ length }) => length));
  const [rows, W] = [blocks.length * L, config.width];
  const tokens = blocks.reduce((sum, { length }) => sum + length, 0);
  const directions = new Float32Array(rows * W);
  const isToken = new Float32Array(rows);
  for (const [b, { length }] of blocks.entries()) {
    for (let t = 0; t < length; t += 1) {
      const row = b * L + t;
      isToken[row] = 1;
      const weight = Math.sqrt(1 / tokens + (t === 0 ? 1 / blocks.length : 0));
      for (let i = row * W; i < (row + 1) * W; i += 1) directions[i] = weight * normalNumber(random);
    }
  }
  return {
    ...feeds,
    directions: { type: 'float32', shape: [rows, W], data: directions },
    isToken: { type: 'float32', shape: [rows, 1], data: isToken },
  };
}

function addTo(sums: Map<string, Float64Array>, name: string, values: Float32Array): void {
  const sum = sums.get(name) ?? new Float64Array(values.length);
  for (let i = 0; i < values.length; i += 1) sum[i]! += values[i]!;
  sums.set(name, sum);
}

function centred(
  sum: Float64Array,
  squares: Float64Array,
  tokens: number,
): Pick<PartMoments, 'mean' | 'covariance'> {
  const n = sum.length;
  const mean = sum.map((value) => value / tokens);
  const covariance = squares.map((value, i) => value / tokens - mean[Math.floor(i / n)]! * mean[i % n]!);
  return { mean, covariance };
}
