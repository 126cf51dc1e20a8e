/**
 * Turns attention logits into masses: how much of the signal tokens' attention each document gets.
 *
 * Axes: `H` heads, `S` signal tokens, `M` document tokens, `N` documents.
 *
 * Source: BlockRank (arXiv:2510.05396): softmax over document tokens only, summed inside each document, mean over heads
 * and signal tokens (the paper sums over signal tokens, its code averages; the order is the same).
 */
import { logSumExp } from './softmax.ts';

/** Logits of the scoring layer. */
export interface SignalLogits {
  /** Row-major, shape `[H, S, M]`. */
  readonly logits: Float32Array;
  /** Heads, `H`. */
  readonly heads: number;
  /** Signal tokens, `S`. */
  readonly signals: number;
  /** Tokens of each document, in order; their sum is `M`. */
  readonly documentTokens: readonly number[];
}

/** The masses of a list. */
export interface AttentionMasses {
  /** Mass of each document, shape `[N]`; sums to 1. */
  readonly documents: Float64Array;
  /** Mass of each document token, shape `[M]`; sums to each document's mass. */
  readonly tokens: Float64Array;
}

/** Masses of documents and of their tokens, in float64. */
export function attentionMasses({ logits, heads, signals, documentTokens }: SignalLogits): AttentionMasses {
  const M = documentTokens.reduce((sum, count) => sum + count, 0);
  const rows = heads * signals;
  const tokens = new Float64Array(M);
  for (let row = 0; row < rows; row += 1) {
    const own = logits.subarray(row * M, (row + 1) * M);
    const total = logSumExp(own);
    for (let j = 0; j < M; j += 1) tokens[j] = tokens[j]! + Math.exp(own[j]! - total) / rows;
  }
  return { documents: sumByDocument(tokens, documentTokens), tokens };
}

/** Sums of each document's tokens, shape `[N]`. */
export function sumByDocument(tokens: Float64Array, documentTokens: readonly number[]): Float64Array {
  let at = 0;
  return Float64Array.from(documentTokens, (count) => {
    let sum = 0;
    for (const end = at + count; at < end; at += 1) sum += tokens[at]!;
    return sum;
  });
}
