/** Fits what a router knows of queries: clusters, and each query's place among them. */
import type { Embeddings } from '../../contract.ts';
import { type ClusterMap, isWordless, nearestCluster, shrunkLosses } from '../../scores/routing.ts';
import { viewsOf } from '../../scores/rows.ts';
import { type FittedMap, fitLearnedMap } from './learned-map.ts';
import { queryClusters } from './query-clusters.ts';

/** Options of {@link fitRouter}. */
export interface RouterFitOptions {
  /** Vectors of the validation queries, shape `[Q, D]`. */
  readonly embeddings: Embeddings;
  /** Vectors of further queries, without judgements, that the clusters are made of too. @defaultValue none */
  readonly unjudged?: Embeddings;
  /** Losses of the rerankers, shape `[Q, R]`, in [0, 1]; K-means does not look at them. */
  readonly losses: readonly (readonly number[])[];
  /** How queries are given to clusters. */
  readonly kind: ClusterMap['kind'];
  /** Clusters wanted, from 1. */
  readonly count: number;
  /** Decides every draw. */
  readonly seed: number;
}

/** What was fitted. */
export interface FittedRouter {
  /** How queries belong to clusters. */
  readonly map: ClusterMap;
  /**
   * Each validation query's cluster, shape `[Q]`: that of the nearest centroid; -1 for a query without words, which
   * counts in the mean over all queries alone.
   */
  readonly clusters: readonly number[];
  /** The fit of the learned map; absent with K-means. */
  readonly learned?: FittedMap;
}

/** Fits the clusters. @throws RangeError when no query has words. */
export function fitRouter(options: RouterFitOptions): FittedRouter {
  const { embeddings, unjudged, losses, kind, count, seed } = options;
  const centroids = queryClusters(unjudged ? joined(embeddings, unjudged) : embeddings, { count, seed });
  const views = viewsOf(embeddings);
  const clusters = views.map((row) => (isWordless(row) ? -1 : nearestCluster(centroids, row)));
  if (kind === 'k-means') return { map: { kind, rows: centroids }, clusters };
  const learned = fitLearnedMap({
    embeddings: views,
    losses,
    clusterLosses: lossesByCluster(losses, clusters, centroids.length),
    centroids,
    seed,
  });
  return { map: { kind, rows: learned.rows }, clusters, learned };
}

function joined(one: Embeddings, other: Embeddings): Embeddings {
  const rows = new Float32Array(one.rows.length + other.rows.length);
  rows.set(one.rows);
  rows.set(other.rows, one.rows.length);
  return { width: one.width, rows };
}

/** Each reranker's losses by cluster, shape `[R, K]`. @param losses - Shape `[Q, R]`. */
export function lossesByCluster(
  losses: readonly (readonly number[])[],
  clusters: readonly number[],
  count: number,
): readonly (readonly number[])[] {
  return (losses[0] ?? []).map((_, r) =>
    shrunkLosses(
      losses.map((row) => row[r]!),
      clusters,
      { count },
    ),
  );
}
