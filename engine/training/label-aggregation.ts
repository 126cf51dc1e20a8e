/**
 * How several binary labels of one document become one thing to train on. Formulas of Lukasik et al., "Bipartite Ranking
 * From Multiple Labels: On Loss Versus Label Aggregation", ICML 2025 (arXiv:2504.11284). `K` labels, `Y_k` in {0, 1},
 * `pi_k` the share of 1, `a_k` what the user says a label weighs.
 */

/** Ways to merge labels. The first three make one label; `loss` keeps them apart and adds their losses. */
export const aggregations = ['sum', 'product', 'weighted', 'loss'] as const;

/** One of {@link aggregations}. */
export type Aggregation = (typeof aggregations)[number];

/** Aggregations that give one label a document. */
export type LabelMerging = Exclude<Aggregation, 'loss'>;

/**
 * One label from several: `sum` is `sum Y_k`, `product` is `prod Y_k`, `weighted` is `sum a_k Y_k`. Labels below 0 count 0,
 * as they do in the measures.
 *
 * Trained on pairs with {@link pairCost}, the best order by a sum is that of `sum P(Y_k = 1 | x)`, whatever the marginals
 * are (Proposition 5.4).
 *
 * @param labels - One a label; 0 and 1, grades, or probabilities.
 * @param weights - `a_k`; read by `weighted` alone. @defaultValue 1 each
 * @throws RangeError for no labels, a label that is not finite, or weights that are not as many or are below 0.
 */
export function mergeLabels(
  labels: readonly number[],
  merging: LabelMerging,
  weights: readonly number[] = labels.map(() => 1),
): number {
  if (labels.length === 0 || !labels.every(Number.isFinite)) {
    throw new RangeError(`mergeLabels: expected finite labels, got [${labels.join(', ')}].`);
  }
  assertWeights('mergeLabels', weights, labels.length);
  const counted = labels.map((label) => Math.max(0, label));
  // Small values first, so that the sum does not depend on the order of the labels.
  const total = (values: readonly number[]): number =>
    values.toSorted((a, b) => a - b).reduce((sum, value) => sum + value, 0);
  if (merging === 'sum') return total(counted);
  if (merging === 'weighted') return total(counted.map((label, k) => label * weights[k]!));
  return counted.toSorted((a, b) => a - b).reduce((product, label) => product * label, 1);
}

/**
 * What each label really weighs when losses are added: `alpha_k = a_k / (pi_k (1 - pi_k))`. The best order by
 * `sum a_k AUC_k` is that of `sum alpha_k P(Y_k = 1 | x)` (Proposition 5.2): also with equal `a_k`, rare labels weigh
 * more. Where labels are certain, the label with the larger `alpha` alone decides between (1, 0) and (0, 1), the
 * "dictatorship" of Proposition 6.1.
 *
 * @param marginals - `pi_k`, each inside (0, 1).
 * @throws RangeError for a marginal of 0 or 1, which makes no pair, or for weights that are no weights.
 */
export function lossWeights(
  marginals: readonly number[],
  weights: readonly number[] = marginals.map(() => 1),
): number[] {
  assertWeights('lossWeights', weights, marginals.length);
  return marginals.map((marginal, k) => {
    if (marginal > 0 && marginal < 1) return weights[k]! / (marginal * (1 - marginal));
    throw new RangeError(`lossWeights: expected marginals inside (0, 1), got ${marginal}.`);
  });
}

/**
 * What it costs to put a document before a better one: the difference of their merged labels, 0 the other way round
 * (the cost of Proposition 5.4; with the same cost for every pair the best order may serve one label worse without
 * serving another better, Proposition 5.3).
 */
export function pairCost(better: number, worse: number): number {
  return Math.max(0, better - worse);
}

/** @throws RangeError naming the function that was given something else than weights. */
function assertWeights(name: string, weights: readonly number[], count: number): void {
  const areWeights = weights.every((weight) => Number.isFinite(weight) && weight >= 0);
  if (weights.length === count && areWeights && (count === 0 || weights.some((weight) => weight > 0))) return;
  throw new RangeError(
    `${name}: expected ${count} finite weights of 0 or more, not all 0, got [${weights.join(', ')}].`,
  );
}
