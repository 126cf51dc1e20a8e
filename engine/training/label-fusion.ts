/** A linear fusion of scores fitted to several labels, by the sum of their losses or by the loss of their merged label. */
import { type Aggregation, mergeLabels, pairCost } from './label-aggregation.ts';
import { type LabelledPair, withoutGaps } from './label-table.ts';

/** The candidates of one query. */
export interface FusionList {
  /** What is fused: a row a candidate, a number a feature. */
  readonly features: readonly (readonly number[])[];
  /** What the labels say of each candidate, in the order of the rows. */
  readonly pairs: readonly LabelledPair[];
}

/** Options of {@link fitFusion}. */
export interface FusionOptions {
  /** How labels are brought together. */
  readonly aggregation: Aggregation;
  /** `a_k` in the order of the labels; read by `weighted` and `loss`. @defaultValue 1 each */
  readonly weights?: readonly number[];
  /** Whether sum, product and weighted merge grades. @defaultValue false: relevant or not */
  readonly usesGrades?: boolean;
}

/** Keeps weights finite where a feature parts the labels: a weak pull towards 0. */
const ridge = 1e-6;
const maxSteps = 100;

/**
 * Weights of the features that make the pairwise logistic loss small, over pairs of candidates of one query, by Newton's
 * method. With `loss` each label's pairs weigh `a_k` together, which is `sum a_k AUC_k` with its surrogate; otherwise a
 * pair weighs the difference of the merged labels.
 *
 * @throws RangeError when no pair of candidates differs.
 *
 * Source: arXiv:2504.11284, sections 4 and 5; "no new algorithm", the surrogate is the usual one.
 */
export function fitFusion(lists: readonly FusionList[], options: FusionOptions): number[] {
  const width = lists[0]?.features[0]?.length ?? 0;
  const pairs = options.aggregation === 'loss' ? lossPairs(lists, options) : mergedPairs(lists, options);
  const total = pairs.reduce((sum, { weight }) => sum + weight, 0);
  if (!(total > 0)) throw new RangeError('fitFusion: expected candidates whose labels differ, got none.');
  const scaled = pairs.map(({ better, worse, weight }) => ({
    difference: better.map((value, f) => value - worse[f]!),
    weight: weight / total,
  }));
  let weights = new Array<number>(width).fill(0);
  let loss = lossOf(scaled, weights);
  for (let step = 0; step < maxSteps; step += 1) {
    const direction = newtonDirection(scaled, weights);
    let [length, next, nextLoss] = [1, weights, loss];
    for (; length > 1e-6; length /= 2) {
      next = weights.map((value, f) => value - length * direction[f]!);
      nextLoss = lossOf(scaled, next);
      if (nextLoss < loss) break;
    }
    if (!(loss - nextLoss > 1e-13)) break;
    [weights, loss] = [next, nextLoss];
  }
  return weights;
}

/** Scores of candidates: the sum of weight times feature. */
export function fuse(features: FusionList['features'], weights: readonly number[]): number[] {
  return features.map((row) => row.reduce((sum, value, f) => sum + value * weights[f]!, 0));
}

interface WeightedPair {
  readonly better: readonly number[];
  readonly worse: readonly number[];
  readonly weight: number;
}

/** Pairs whose merged labels differ. */
function mergedPairs(
  lists: readonly FusionList[],
  { aggregation, weights, usesGrades = false }: FusionOptions,
): WeightedPair[] {
  if (aggregation === 'loss') throw new TypeError('mergedPairs: expected an aggregation of labels.');
  return lists.flatMap(({ features, pairs }) => {
    const merged = pairs.map(({ grades, relevance }) =>
      mergeLabels(withoutGaps(usesGrades ? grades : relevance), aggregation, weights),
    );
    return pairsOf(features, (i, j) => pairCost(merged[i]!, merged[j]!));
  });
}

/** Pairs that a label orders; the pairs of one label weigh `a_k` together. */
function lossPairs(lists: readonly FusionList[], { weights }: FusionOptions): WeightedPair[] {
  const labels = lists[0]?.pairs[0]?.relevance.length ?? 0;
  return Array.from({ length: labels }, (_, k) => {
    const own = lists.flatMap(({ features, pairs }) =>
      pairsOf(features, (i, j) => {
        const weight = pairs[i]!.relevance[k]! * (1 - pairs[j]!.relevance[k]!);
        return Number.isNaN(weight) ? 0 : weight;
      }),
    );
    const total = own.reduce((sum, { weight }) => sum + weight, 0);
    return own.map((pair) => ({ ...pair, weight: (pair.weight * (weights?.[k] ?? 1)) / total }));
  }).flat();
}

function pairsOf(
  features: FusionList['features'],
  weightOf: (better: number, worse: number) => number,
): WeightedPair[] {
  return features.flatMap((better, i) =>
    features.flatMap((worse, j) => {
      const weight = i === j ? 0 : weightOf(i, j);
      return weight > 0 ? [{ better, worse, weight }] : [];
    }),
  );
}

interface Difference {
  readonly difference: readonly number[];
  readonly weight: number;
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, f) => sum + value * b[f]!, 0);

function lossOf(pairs: readonly Difference[], weights: readonly number[]): number {
  let loss = (ridge / 2) * dot(weights, weights);
  for (const { difference, weight } of pairs) {
    const margin = dot(difference, weights);
    loss += weight * (Math.log1p(Math.exp(-Math.abs(margin))) + Math.max(0, -margin));
  }
  return loss;
}

/** Inverse of the Hessian times the gradient. */
function newtonDirection(pairs: readonly Difference[], weights: readonly number[]): number[] {
  const gradient = weights.map((value) => ridge * value);
  const hessian = weights.map((_, f) => weights.map((__, g) => (f === g ? ridge : 0)));
  for (const { difference, weight } of pairs) {
    const p = 1 / (1 + Math.exp(dot(difference, weights)));
    const curvature = weight * p * (1 - p);
    for (const [f, value] of difference.entries()) {
      gradient[f]! -= weight * p * value;
      for (const [g, other] of difference.entries()) hessian[f]![g]! += curvature * value * other;
    }
  }
  return solve(hessian, gradient);
}

/** Solves a symmetric positive definite system by Gaussian elimination, which needs no pivots there. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, f) => [...row, right[f]!]);
  for (const [f, pivot] of rows.entries()) {
    for (const row of rows.slice(f + 1)) {
      const factor = row[f]! / pivot[f]!;
      for (let g = f; g < row.length; g += 1) row[g]! -= factor * pivot[g]!;
    }
  }
  const solution = new Array<number>(rows.length).fill(0);
  for (const [f, row] of [...rows.entries()].reverse()) {
    const known = row.slice(f + 1, -1).reduce((sum, value, g) => sum + value * solution[f + 1 + g]!, 0);
    solution[f] = (row.at(-1)! - known) / row[f]!;
  }
  return solution;
}
