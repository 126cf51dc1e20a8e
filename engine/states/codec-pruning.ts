/**
 * Fewer token vectors a document. Every block keeps at least one, so that it keeps a mass of its own.
 *
 * Axes: `T` tokens of a document, `W` width.
 */
import type { BlockState } from '../contract.ts';
import { statisticalCount } from '../readout/statistical-top-k.ts';

/**
 * The rule that chooses the kept tokens:
 *
 * - `attention`: the tokens that their block's anchor attends to most, exactly as many as allowed;
 * - `statistical`: as `attention`, as many as stand out by Spark's statistical top-k, between half of the bound and the
 *   bound;
 * - `pool`: means of neighbouring tokens, normalised again.
 */
export type PruningRule = 'attention' | 'statistical' | 'pool';

/** Every {@link PruningRule}. */
export const pruningRules: readonly PruningRule[] = ['attention', 'statistical', 'pool'];

/** A bound on token vectors, and the rule that chooses them. */
export interface Pruning {
  /** Most token vectors of a document; a document of more blocks keeps one a block. */
  readonly maxTokens: number;
  /** The rule that chooses the kept vectors. */
  readonly rule: PruningRule;
}

/** The kept token vectors, and their number in each block; a state with fewer tokens than the bound keeps all. */
export function pruneTokens(
  { width, blockTokens, anchors, tokens }: BlockState & { readonly tokens: Float32Array },
  { maxTokens, rule }: Pruning,
): { readonly blockTokens: readonly number[]; readonly tokens: Float32Array } {
  const T = tokens.length / width;
  const keep = Math.max(maxTokens, blockTokens.length);
  if (T <= keep) return { blockTokens, tokens };
  if (rule === 'pool') return poolTokens({ width, blockTokens, tokens }, keep);
  const scores = anchorScores({ width, blockTokens, anchors, tokens });
  const count =
    rule === 'attention'
      ? keep
      : statisticalCount(scores, { keep, minKeep: Math.ceil(keep / 2), maxKeep: keep });
  return takeBest({ width, blockTokens, tokens }, scores, count);
}

type Tokens = Pick<BlockState, 'width' | 'blockTokens'> & { readonly tokens: Float32Array };

/** `a_b · x_j` of each token with its block's anchor, shape `[T]`: the order of the attention between them. */
function anchorScores({
  width,
  blockTokens,
  anchors,
  tokens,
}: Tokens & { readonly anchors: Float32Array }): Float64Array {
  const scores = new Float64Array(tokens.length / width);
  let j = 0;
  blockTokens.forEach((count, block) => {
    for (const end = j + count; j < end; j += 1) {
      let sum = 0;
      for (let k = 0; k < width; k += 1) sum += anchors[block * width + k]! * tokens[j * width + k]!;
      scores[j] = sum;
    }
  });
  return scores;
}

/** Takes the best token of each block, then the best of all, in the order of the text; ties go to the earlier token. */
function takeBest({ width, blockTokens, tokens }: Tokens, scores: Float64Array, count: number): Kept {
  const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b);
  const blockOf = blockTokens.flatMap((length, block) => new Array<number>(length).fill(block));
  const bestOf = new Map<number, number>();
  for (const j of order) if (!bestOf.has(blockOf[j]!)) bestOf.set(blockOf[j]!, j);
  const chosen = new Set(bestOf.values());
  for (const j of order) {
    if (chosen.size >= count) break;
    chosen.add(j);
  }
  const kept = [...chosen].sort((a, b) => a - b);
  const rows = new Float32Array(kept.length * width);
  const counts = blockTokens.map(() => 0);
  kept.forEach((j, row) => {
    rows.set(tokens.subarray(j * width, (j + 1) * width), row * width);
    counts[blockOf[j]!]! += 1;
  });
  return { blockTokens: counts, tokens: rows };
}

interface Kept {
  readonly blockTokens: readonly number[];
  readonly tokens: Float32Array;
}

/** Cuts each block into runs of about the same length; a run's vector is the mean of its tokens, scaled to length 1. */
function poolTokens({ width, blockTokens, tokens }: Tokens, keep: number): Kept {
  const counts = shareOut(blockTokens, keep);
  const rows = new Float32Array(counts.reduce((sum, count) => sum + count, 0) * width);
  let first = 0;
  let row = 0;
  blockTokens.forEach((length, block) => {
    const count = counts[block]!;
    for (let run = 0; run < count; run += 1) {
      const from = first + Math.floor((run * length) / count);
      const to = first + Math.floor(((run + 1) * length) / count);
      rows.set(meanDirection(tokens.subarray(from * width, to * width), width), row * width);
      row += 1;
    }
    first += length;
  });
  return { blockTokens: counts, tokens: rows };
}

/** Opposite vectors have no mean direction: then the run's first token stands for the run. */
function meanDirection(run: Float32Array, width: number): Float32Array {
  const sum = new Float64Array(width);
  for (let at = 0; at < run.length; at += width) for (let k = 0; k < width; k += 1) sum[k]! += run[at + k]!;
  let squares = 0;
  for (const value of sum) squares += value * value;
  if (squares === 0) return run.subarray(0, width);
  const norm = Math.sqrt(squares);
  const mean = new Float32Array(width);
  for (let k = 0; k < width; k += 1) mean[k] = sum[k]! / norm;
  return mean;
}

/** Shares of `keep` in proportion to the lengths, at least 1 and at most its length each; they sum to `keep`. */
function shareOut(lengths: readonly number[], keep: number): number[] {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const shares = lengths.map((length) => Math.min(length, Math.max(1, Math.floor((length * keep) / total))));
  let left = keep - shares.reduce((sum, share) => sum + share, 0);
  while (left !== 0) {
    const step = Math.sign(left);
    const at = furthest(lengths, shares, { keep: keep / total, step });
    shares[at]! += step;
    left -= step;
  }
  return shares;
}

/** The block whose share may change by `step` and is furthest from its due in that direction. */
function furthest(
  lengths: readonly number[],
  shares: readonly number[],
  { keep, step }: { readonly keep: number; readonly step: number },
): number {
  let best = -1;
  let most = Number.NEGATIVE_INFINITY;
  lengths.forEach((length, block) => {
    const changed = shares[block]! + step;
    const gap = step * (length * keep - shares[block]!);
    if (changed < 1 || changed > length || gap <= most) return;
    most = gap;
    best = block;
  });
  return best;
}
