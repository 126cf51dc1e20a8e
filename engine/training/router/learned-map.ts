/**
 * The learned map of queries to clusters.
 *
 * Axes: `K` clusters, `R` rerankers, `Q` queries, `D` values of an embedding.
 */
import { seededRandom, shuffled } from '../../evaluation/random.ts';
import { memberships } from '../../scores/routing.ts';
import { createOptimiser } from '../optimisers/create-optimiser.ts';
import { optimiserSchema } from '../optimisers/settings.ts';

/** Options of {@link fitLearnedMap}. */
export interface LearnedMapOptions {
  /** The queries' vectors, shape `[Q, D]`. */
  readonly embeddings: readonly ArrayLike<number>[];
  /** What each reranker lost on each query, shape `[Q, R]`, in [0, 1]. */
  readonly losses: readonly (readonly number[])[];
  /** Mean losses by cluster, shape `[R, K]`: they stay. */
  readonly clusterLosses: readonly (readonly number[])[];
  /** The clusters that the map begins as, shape `[K, D]`. */
  readonly centroids: readonly (readonly number[])[];
  /** Decides which queries are held out. */
  readonly seed: number;
  /** Share of the queries that says when to stop, in (0, 1). @defaultValue 0.2 */
  readonly heldOut?: number;
  /** Steps at most. @defaultValue 200 */
  readonly maxSteps?: number;
  /** Steps without a new best loss of the held-out queries after which the fit ends. @defaultValue 10 */
  readonly patience?: number;
}

/** A fitted map. */
export interface FittedMap {
  /** Weights and bias, shape `[K, D + 1]`, as `ClusterMap` takes them. */
  readonly rows: readonly (readonly number[])[];
  /** Mean log loss of the queries that it learned from, before each step and after the last. */
  readonly trainingLosses: readonly number[];
  /** Mean log loss of the held-out queries likewise. */
  readonly heldOutLosses: readonly number[];
  /** Step after which the map was best on the held-out queries; 0: it stayed as it began. */
  readonly bestStep: number;
}

/**
 * Nats between the nearest and the second nearest cluster, on average over queries, where the map begins: nearly the hard
 * clusters, which early stop then may fall back to.
 */
const firstMargin = 10;

const learningRate = 0.05;

/** Expected losses stay this far from 0 and 1, where their logarithm ends. */
const edge = 1e-6;

/**
 * Fits `Φ_k(x) = softmax_k(θ_k·x + b_k)` so that `Φ(x)ᵀΨ` predicts the losses: mean log loss over queries and rerankers,
 * whole batches, Adam, early stop. Losses in [0, 1] stand for the paper's 0 and 1.
 *
 * It begins as soft K-means over the centroids; the paper begins at random.
 *
 * Source: the learned cluster map of UniRoute (arXiv:2502.08773).
 */
export function fitLearnedMap(options: LearnedMapOptions): FittedMap {
  const { centroids, embeddings, seed, heldOut = 0.2, maxSteps = 200, patience = 10 } = options;
  const width = centroids[0]!.length + 1;
  const data = Float32Array.from(firstMap(centroids, embeddings).flat());
  const tensors = new Map([['map', { shape: [centroids.length, width], data }]]);
  const optimiser = createOptimiser(optimiserSchema.parse({ kind: 'adamw' }), tensors);
  const order = shuffled([...embeddings.keys()], seededRandom(seed));
  const cut = Math.max(1, Math.round(heldOut * order.length));
  const [development, training] = [order.slice(0, cut), order.slice(order.length > 1 ? cut : 0)];
  const rowsNow = (): number[][] => centroids.map((_, k) => [...data.subarray(k * width, (k + 1) * width)]);
  const trainingLosses: number[] = [];
  const heldOutLosses: number[] = [];
  let best = { step: 0, loss: Number.POSITIVE_INFINITY, rows: rowsNow() };
  for (let step = 0; step <= maxSteps; step += 1) {
    const rows = rowsNow();
    const { loss, gradient } = lossAndGradient(rows, training, options);
    trainingLosses.push(loss);
    heldOutLosses.push(lossAndGradient(rows, development, options).loss);
    if (heldOutLosses.at(-1)! < best.loss) best = { step, loss: heldOutLosses.at(-1)!, rows };
    if (step - best.step >= patience) break;
    if (step < maxSteps) optimiser.step(new Map([['map', gradient]]), learningRate);
  }
  return { rows: best.rows, trainingLosses, heldOutLosses, bestStep: best.step };
}

/** Soft K-means as a map: `β (x·c - |c|²/2)` differs from `-β |x - c|²/2` by what all clusters have in common. */
function firstMap(
  centroids: LearnedMapOptions['centroids'],
  embeddings: LearnedMapOptions['embeddings'],
): number[][] {
  const halves = centroids.map((centroid) => centroid.reduce((sum, value) => sum + value * value, 0) / 2);
  const gaps = embeddings.map((x) => {
    const scores = centroids.map(
      (centroid, k) => centroid.reduce((sum, value, i) => sum + value * x[i]!, 0) - halves[k]!,
    );
    const [nearest = 0, second = nearest] = scores.sort((a, b) => b - a);
    return nearest - second;
  });
  const gap = gaps.reduce((sum, value) => sum + value, 0) / Math.max(1, gaps.length);
  const beta = gap > 0 ? firstMargin / gap : 1;
  return centroids.map((centroid, k) => [...centroid.map((value) => beta * value), -beta * halves[k]!]);
}

/** Mean log loss, and its gradient: `(γ - y) / (γ (1 - γ)) · Φ_k · (Ψ_k - γ) · x` for row `k`. */
function lossAndGradient(
  rows: readonly (readonly number[])[],
  queries: readonly number[],
  { embeddings, losses, clusterLosses }: LearnedMapOptions,
): { readonly loss: number; readonly gradient: Float32Array } {
  const width = rows[0]!.length;
  const gradient = new Float32Array(rows.length * width);
  const pairs = queries.length * clusterLosses.length;
  let loss = 0;
  for (const q of queries) {
    const x = embeddings[q]!;
    const belongs = memberships({ kind: 'learned-map', rows }, x);
    const pull = new Float64Array(rows.length);
    for (const [r, psi] of clusterLosses.entries()) {
      const y = losses[q]![r]!;
      const sum = psi.reduce((total, value, k) => total + value * belongs[k]!, 0);
      const gamma = Math.min(1 - edge, Math.max(edge, sum));
      loss -= (y * Math.log(gamma) + (1 - y) * Math.log(1 - gamma)) / pairs;
      const slope = (gamma - y) / (gamma * (1 - gamma)) / pairs;
      for (let k = 0; k < pull.length; k += 1) pull[k]! += slope * belongs[k]! * (psi[k]! - gamma);
    }
    for (const [k, value] of pull.entries()) {
      for (let i = 0; i < width - 1; i += 1) gradient[k * width + i]! += value * x[i]!;
      gradient[(k + 1) * width - 1]! += value;
    }
  }
  return { loss, gradient };
}
