/** What the inputs of a decoder's graph are fed. Axes: see `decoder.ts`. */
import { maskedLogit } from '../graph/masked-logit.ts';
import type { TensorValue } from '../graph/tensor.ts';
import type { DecoderConfig } from './decoder-config.ts';
import { rotations } from './rope.ts';

function int64(...values: number[]): TensorValue {
  return { type: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) };
}

/** One run's sequences. */
export interface DecoderBatch {
  /** Token ids of each sequence. */
  readonly sequences: readonly Int32Array[];
  /** Position of every sequence's first token. */
  readonly firstPosition: number;
  /** Tokens of the past that the sequences share. */
  readonly pastTokens: number;
}

/**
 * What every graph is fed besides the past: ids padded on the right (no token looks at what comes after it, so padding
 * changes nothing), rotations, a causal mask and the lengths that shapes need.
 */
export function toDecoderFeeds(
  { sequences, firstPosition, pastTokens }: DecoderBatch,
  config: DecoderConfig,
): Record<string, TensorValue> {
  const N = sequences.length;
  const L = Math.max(...sequences.map(({ length }) => length));
  const G = config.heads / config.keyValueHeads;
  const ids = new BigInt64Array(N * L);
  sequences.forEach((sequence, n) => {
    sequence.forEach((id, j) => {
      ids[n * L + j] = BigInt(id);
    });
  });
  const mask = new Float32Array(G * L * L);
  for (let row = 0; row < G * L; row += 1) mask.fill(maskedLogit, row * L + (row % L) + 1, (row + 1) * L);
  return {
    ids: { type: 'int64', shape: [N, L], data: ids },
    mask: { type: 'float32', shape: [G * L, L], data: mask },
    headShape: int64(N, L, -1, config.headSize),
    rowShape: int64(N, L, -1),
    places: {
      type: 'int64',
      shape: [N, L],
      data: BigInt64Array.from({ length: N * L }, (_, i) => BigInt(i % L)),
    },
    pastTokens: int64(pastTokens),
    allTokens: int64(pastTokens + L),
    ...rotations(config.rope, config.headSize, firstPosition, L),
  };
}

/** What a graph of signal tokens is fed besides: the signal tokens' places, and the scoring layer's keys of documents. */
export function toSignalFeeds(
  { heads, keyValueHeads, headSize }: DecoderConfig,
  signals: readonly number[],
  documentKeys: Float32Array,
): Record<string, TensorValue> {
  const documents = documentKeys.length / (keyValueHeads * headSize);
  return {
    signals: int64(...signals),
    signalPlaces: { ...int64(...signals), shape: [1, signals.length] },
    documentKeys: { type: 'float32', shape: [documents, keyValueHeads, headSize], data: documentKeys },
    logitShape: int64(heads, signals.length, documents),
  };
}

/** What a graph of a span's attention is fed besides: how much each of the sequence's tokens counts, shape `[L]`. */
export function toSpanFeeds(
  { heads }: DecoderConfig,
  weights: Float32Array,
  pastTokens: number,
): Record<string, TensorValue> {
  return {
    spanWeights: { type: 'float32', shape: [1, weights.length], data: weights },
    attentionShape: int64(heads, weights.length, pastTokens),
    massShape: int64(heads, pastTokens),
  };
}
