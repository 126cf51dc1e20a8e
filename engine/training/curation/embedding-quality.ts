/** What an embedding is worth for curation: whether neighbours are as hard, and come from one source. */
import type { Embeddings } from '../../contract.ts';
import { mean } from '../../evaluation/measures.ts';
import { seededRandom } from '../../evaluation/random.ts';
import { rowCount } from '../../scores/rows.ts';
import { balancedClusters } from './balanced-clusters.ts';
import { reduceRows } from './reduce-rows.ts';

/** What is known of the rows. */
export interface ReportedRows {
  /** A model's loss of each row; the rows' order. */
  readonly losses: readonly number[];
  /** Where each row comes from, such as the name of its collection. @defaultValue none: no purity */
  readonly sources?: readonly string[];
}

/** How an embedding is measured. */
export interface QualityOptions {
  /** Sizes of clusters, from 2 and below the number of rows. @defaultValue [5, 10, 25, 50] */
  readonly sizes?: readonly number[];
  /** Clusterings by other draws, whose mean is reported. @defaultValue 3 */
  readonly seeds?: number;
  /** Principal components that are compared. @defaultValue 64 */
  readonly components?: number;
}

/** Quality at one size of clusters. */
export interface EmbeddingQuality {
  /** Rows a cluster. */
  readonly size: number;
  /** See {@link varianceReduction}. */
  readonly varianceReduction: number;
  /** See {@link clusterPurity}; absent without sources. */
  readonly purity?: number;
}

/**
 * Measures an embedding over balanced clusters of its rows: a ruler for the choice of an embedding, before anything is
 * curated with it.
 *
 * @throws RangeError for lengths that differ, or a size that these rows cannot have.
 *
 * Source: arXiv:2502.02494.
 */
export function embeddingQuality(
  embeddings: Embeddings,
  { losses, sources }: ReportedRows,
  { sizes = [5, 10, 25, 50], seeds = 3, components = 64 }: QualityOptions = {},
): readonly EmbeddingQuality[] {
  const count = rowCount(embeddings);
  if (losses.length !== count || (sources && sources.length !== count)) {
    throw new RangeError(
      `embeddingQuality: expected a loss and a source for each of ${count} rows, got ${losses.length} and ${sources?.length ?? 'none'}.`,
    );
  }
  const wrong = sizes.find((size) => !Number.isInteger(size) || size < 2 || 2 * size > count);
  if (wrong !== undefined) {
    throw new RangeError(
      `embeddingQuality: expected cluster sizes from 2 to half of ${count} rows, got ${wrong}.`,
    );
  }
  const reduced = reduceRows(embeddings, components);
  return sizes.map((size) => {
    const draws = Array.from({ length: seeds }, (_, seed) =>
      balancedClusters(reduced, { size, random: seededRandom(seed) }),
    );
    return {
      size,
      varianceReduction: mean(draws.map((clusters) => varianceReduction(losses, clusters))),
      ...(sources && { purity: mean(draws.map((clusters) => clusterPurity(sources, clusters))) }),
    };
  });
}

/**
 * Variance of the losses over all rows, divided by the mean of the variances within clusters. Random clusters give 1,
 * because variances are unbiased (divided by one less than the count). `Infinity` where no cluster varies; NaN where nothing
 * varies.
 */
export function varianceReduction(
  losses: readonly number[],
  clusters: readonly (readonly number[])[],
): number {
  const within = clusters
    .filter((rows) => rows.length > 1)
    .map((rows) => variance(rows.map((row) => losses[row]!)));
  return variance(losses) / mean(within);
}

/** Share of a cluster's rows that come from its most frequent source, mean over clusters. */
export function clusterPurity(sources: readonly string[], clusters: readonly (readonly number[])[]): number {
  return mean(
    clusters.map((rows) => {
      const counts = new Map<string, number>();
      for (const row of rows) counts.set(sources[row]!, (counts.get(sources[row]!) ?? 0) + 1);
      return Math.max(...counts.values()) / rows.length;
    }),
  );
}

function variance(values: readonly number[]): number {
  const centre = mean(values);
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
}
