/**
 * In-context reranking without training: scores are the query block's attention, less the attention of a query without
 * content.
 *
 * Axes: `H` heads, `P` tokens of the past, `M` document tokens, `N` documents.
 *
 * Source: Chen, Jimenez Gutierrez, Su (arXiv:2410.02642); heads as in QRHead (arXiv:2506.09944).
 */
import { sumByDocument } from './attention-mass.ts';

/** Attention of one query block, by layer. */
export interface SpanAttention {
  /** One matrix a layer, row-major, shape `[H, P]`. */
  readonly layers: readonly Float32Array[];
  /** Heads, `H`. */
  readonly heads: number;
}

/** The range of the documents' tokens in the past. */
export interface DocumentRange {
  /** The first document token. */
  readonly from: number;
  /** Tokens of each document. */
  readonly documentTokens: readonly number[];
}

/**
 * Attention to each document token, summed over layers and heads, shape `[M]`.
 *
 * @param counts - Whether a head of a layer (0-based, from the first layer read) counts.
 */
export function tokenAttention(
  { layers, heads }: SpanAttention,
  { from, documentTokens }: DocumentRange,
  counts: (layer: number, head: number) => boolean = () => true,
): Float64Array {
  const M = documentTokens.reduce((sum, count) => sum + count, 0);
  const tokens = new Float64Array(M);
  layers.forEach((matrix, layer) => {
    const P = matrix.length / heads;
    for (let head = 0; head < heads; head += 1) {
      if (!counts(layer, head)) continue;
      for (let j = 0; j < M; j += 1) tokens[j] = tokens[j]! + matrix[head * P + from + j]!;
    }
  });
  return tokens;
}

/**
 * Tokens whose score lies this many standard deviations below their document's mean are left out: they draw attention
 * under any query.
 */
const outlierDeviations = 2;

/**
 * Calibrated scores, shape `[N]`; can be negative.
 *
 * @param asked - {@link tokenAttention} of the query.
 * @param contentFree - {@link tokenAttention} of the query without content; absent: no calibration and no filter.
 */
export function icrScores(
  asked: Float64Array,
  contentFree: Float64Array | undefined,
  documentTokens: readonly number[],
): Float64Array {
  if (!contentFree) return sumByDocument(asked, documentTokens);
  const calibrated = asked.map((value, j) => value - contentFree[j]!);
  let at = 0;
  return Float64Array.from(documentTokens, (count) => {
    const own = calibrated.subarray(at, at + count);
    at += count;
    const least = mean(own) - outlierDeviations * deviation(own);
    return own.reduce((sum, value) => (value > least ? sum + value : sum), 0);
  });
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Standard deviation with `n - 1`; infinite for one value, so that a single token is never left out. */
function deviation(values: Float64Array): number {
  if (values.length < 2) return Number.POSITIVE_INFINITY;
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}
