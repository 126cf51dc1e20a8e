/**
 * The routing rule: which reranker ranks a query, by what it is expected to lose and what it costs. Pure.
 *
 * Axes: `K` clusters of queries, `R` rerankers, `Q` validation queries, `D` values of an embedding.
 *
 * Source: UniRoute (arXiv:2502.08773): expected loss `Φ(x)ᵀΨ(h)`, and the decision `argmin_h Φ(x)ᵀΨ(h) + λ c(h)`.
 */
import { softmax } from '../readout/softmax.ts';

/** How much a query belongs to each cluster. */
export interface ClusterMap {
  /** `k-means`: wholly to the nearest centroid. `learned-map`: by the softmax of learned products. */
  readonly kind: 'k-means' | 'learned-map';
  /**
   * One row a cluster. `k-means`: its centroid, shape `[K, D]`; `learned-map`: weights and, as the last value, a bias,
   * shape `[K, D + 1]`.
   */
  readonly rows: readonly (readonly number[])[];
}

/** A reranker as the rule sees it. */
export interface RoutingEntry {
  /** Its name. */
  readonly name: string;
  /** Milliseconds of a request, at least 0. */
  readonly costMs: number;
  /** Mean loss over all validation queries, in [0, 1]. */
  readonly meanLoss: number;
  /** Mean loss by cluster, shrunk, shape `[K]`, in [0, 1]. */
  readonly clusterLosses: readonly number[];
}

/** Weight of the mean over all queries in a cluster's mean, in queries. */
export const defaultShrinkage = 5;

/** Sums of loss and cost that differ by less count as equal: rounding must not choose. */
const sameSum = 1e-12;

/** Whether an embedding says nothing: the text had no words that the embedder knows. */
export function isWordless(embedding: ArrayLike<number>): boolean {
  return Array.from(embedding).every((value) => value === 0);
}

/** Index of the centroid nearest to an embedding; the first of equally near ones. */
export function nearestCluster(
  centroids: readonly (readonly number[])[],
  embedding: ArrayLike<number>,
): number {
  const distances = centroids.map((centroid) =>
    centroid.reduce((sum, value, i) => sum + (value - embedding[i]!) ** 2, 0),
  );
  return distances.indexOf(Math.min(...distances));
}

/** How much a query belongs to each cluster, shape `[K]`, sums to 1: Φ of the paper. */
export function memberships({ kind, rows }: ClusterMap, embedding: ArrayLike<number>): readonly number[] {
  if (kind === 'k-means') {
    const nearest = nearestCluster(rows, embedding);
    return rows.map((_, k) => Number(k === nearest));
  }
  return [...softmax(rows.map((row) => product(row, embedding)))];
}

/** A row's weights times an embedding, plus its bias. A plain loop: fits come here for every query in every step. */
function product(row: readonly number[], embedding: ArrayLike<number>): number {
  const width = embedding.length;
  let sum = row[width]!;
  for (let i = 0; i < width; i += 1) sum += row[i]! * embedding[i]!;
  return sum;
}

/**
 * A reranker's mean loss in each cluster, shrunk towards its mean over all queries: `(sum + s * mean) / (n + s)`. A cluster
 * without queries gets the mean over all. Ψ of the paper, which does not shrink.
 *
 * @param losses - One loss a query, shape `[Q]`. @param clusters - Each query's cluster, shape `[Q]`;
 * -1 for one that is in none.
 */
export function shrunkLosses(
  losses: readonly number[],
  clusters: readonly number[],
  { count, shrinkage = defaultShrinkage }: { readonly count: number; readonly shrinkage?: number },
): readonly number[] {
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / Math.max(1, losses.length);
  const sums = new Float64Array(count);
  const sizes = new Float64Array(count);
  for (const [q, cluster] of clusters.entries()) {
    if (cluster < 0) continue;
    sums[cluster]! += losses[q]!;
    sizes[cluster]! += 1;
  }
  return Array.from(sums, (sum, k) => {
    const weight = sizes[k]! + shrinkage;
    return weight === 0 ? mean : (sum + shrinkage * mean) / weight;
  });
}

/** What was measured of a reranker. */
export interface MeasuredEntry extends Pick<RoutingEntry, 'name' | 'costMs'> {
  /** One loss a validation query, shape `[Q]`. */
  readonly losses: readonly number[];
}

/**
 * The rule's entries for measured rerankers, in their order.
 *
 * @param queries - `clusters`: each validation query's cluster, or -1; `count`: clusters.
 */
export function routingTable(
  measured: readonly MeasuredEntry[],
  { clusters, count }: { readonly clusters: readonly number[]; readonly count: number },
): readonly RoutingEntry[] {
  return measured.map(({ name, costMs, losses }) => ({
    name,
    costMs,
    meanLoss: losses.reduce((sum, loss) => sum + loss, 0) / Math.max(1, losses.length),
    clusterLosses: shrunkLosses(losses, clusters, { count }),
  }));
}

/** Each reranker's expected loss for a query, shape `[R]`; the mean over all queries where the query has no words. */
export function expectedLosses(
  entries: readonly RoutingEntry[],
  map: ClusterMap,
  embedding: ArrayLike<number>,
): readonly number[] {
  if (isWordless(embedding)) return entries.map(({ meanLoss }) => meanLoss);
  const belongs = memberships(map, embedding);
  return entries.map(({ clusterLosses }) =>
    clusterLosses.reduce((sum, loss, k) => sum + belongs[k]! * loss, 0),
  );
}

/**
 * Index of the reranker with the least `loss + lambda * cost`; of equal ones the cheaper, then the first.
 *
 * @param lambda - Loss that a millisecond is worth, at least 0; 0 takes the least loss, Infinity the least cost, and of
 * equally cheap ones the least loss.
 */
export function cheapestSum(losses: readonly number[], costsMs: readonly number[], lambda: number): number {
  const leastCost = Math.min(...costsMs);
  const sumOf = (r: number): number => {
    if (lambda !== Number.POSITIVE_INFINITY) return losses[r]! + lambda * costsMs[r]!;
    return costsMs[r] === leastCost ? losses[r]! : Number.POSITIVE_INFINITY;
  };
  let best = 0;
  for (let r = 1; r < losses.length; r += 1) {
    const [mine, least] = [sumOf(r), sumOf(best)];
    const isEqual = mine === least || Math.abs(mine - least) <= sameSum * Math.max(1, Math.abs(least));
    if (isEqual ? costsMs[r]! < costsMs[best]! : mine < least) best = r;
  }
  return best;
}

/**
 * Every lambda at which the choice for some query changes, ascending, each once.
 *
 * @param losses - Expected losses, shape `[Q, R]`.
 */
export function changingLambdas(
  losses: readonly (readonly number[])[],
  costsMs: readonly number[],
): readonly number[] {
  const lambdas = new Set<number>();
  for (const row of losses) {
    for (const [dear, cost] of costsMs.entries()) {
      for (const [cheap, less] of costsMs.entries()) {
        if (cost > less && row[dear]! < row[cheap]!) lambdas.add((row[cheap]! - row[dear]!) / (cost - less));
      }
    }
  }
  return [...lambdas].sort((a, b) => a - b);
}

/** Mean cost of the queries under a lambda, in milliseconds. @param losses - Expected losses, shape `[Q, R]`. */
export function meanCostMs(
  losses: readonly (readonly number[])[],
  costsMs: readonly number[],
  lambda: number,
): number {
  const sum = losses.reduce((total, row) => total + costsMs[cheapestSum(row, costsMs, lambda)]!, 0);
  return sum / Math.max(1, losses.length);
}

/**
 * The least lambda under which queries like the validation queries cost at most the budget on average; 0 where they do
 * anyway, Infinity where only the cheapest reranker alone does.
 *
 * @param losses - Expected losses of the validation queries, shape `[Q, R]`. @param budgetMs - Milliseconds a request.
 * @throws RangeError when even the cheapest reranker costs more than the budget, or the budget is no number.
 */
export function lambdaForBudget(
  losses: readonly (readonly number[])[],
  costsMs: readonly number[],
  budgetMs: number,
): number {
  const cheapest = Math.min(...costsMs);
  if (!(cheapest <= budgetMs)) {
    throw new RangeError(
      `lambdaForBudget: expected a budget of at least ${cheapest} ms, the cost of the cheapest reranker, got ${budgetMs}.`,
    );
  }
  const lambdas = [0, ...changingLambdas(losses, costsMs), Number.POSITIVE_INFINITY];
  // The mean cost never rises with lambda.
  let [low, high] = [0, lambdas.length - 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (meanCostMs(losses, costsMs, lambdas[middle]!) <= budgetMs) high = middle;
    else low = middle + 1;
  }
  return lambdas[low]!;
}
