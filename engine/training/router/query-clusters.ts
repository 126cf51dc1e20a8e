/** Clusters of queries, by the free vectors of their texts. */
import { kmeans } from 'ml-kmeans';
import type { Embeddings } from '../../contract.ts';
import { isWordless } from '../../scores/routing.ts';
import { viewsOf } from '../../scores/rows.ts';

/** Options of {@link queryClusters}. */
export interface QueryClustersOptions {
  /** Clusters wanted, from 1. */
  readonly count: number;
  /** Decides where the clusters begin. */
  readonly seed: number;
}

/**
 * Centroids by K-means, begun by k-means++; at most one for each different query, so that none is empty. Queries without
 * words take no part. Needs no judgements.
 *
 * @returns Shape `[clusters, width]`, at least one row; float32 values.
 * @throws RangeError when no query has words.
 *
 * Source: the cluster router of UniRoute (arXiv:2502.08773).
 */
export function queryClusters(
  embeddings: Embeddings,
  { count, seed }: QueryClustersOptions,
): readonly (readonly number[])[] {
  const rows = viewsOf(embeddings).filter((row) => !isWordless(row));
  if (rows.length === 0) throw new RangeError('queryClusters: expected a query with words, got none.');
  const different = new Set(rows.map((row) => row.join())).size;
  const points = rows.map((row) => [...row]);
  const { centroids, clusters } = kmeans(points, Math.min(count, different), { seed });
  // Iterations may leave a cluster without queries.
  const used = new Set(clusters);
  return centroids.filter((_, k) => used.has(k)).map((centroid) => [...Float32Array.from(centroid)]);
}
