/** How many values a statistical threshold keeps: two passes over the values, no sort. */
import { createRequire } from 'node:module';

/** Bounds of {@link statisticalCount}. */
export interface StatisticalBounds {
  /** Values to keep, `k`. */
  readonly keep: number;
  /** Least number kept. */
  readonly minKeep: number;
  /** Largest number kept. */
  readonly maxKeep: number;
}

/** Fewest values for the threshold: fewer say too little about their own spread, and exactly `keep` are kept. */
export const leastForStatistics = 128;

/**
 * How many of `d` values lie above `theta(x, k) = mean(x) + std(x) · Q(1 - k/d)`, where `Q` is the standard normal
 * quantile and `std` the population's: about `k` where values are spread normally, and as many as stand out where
 * they are not. Outside `minKeep` and `maxKeep` the nearer bound; `k` itself below {@link leastForStatistics} values.
 *
 * Source: Spark Transformer, statistical top-k (arXiv:2506.06644). The guard rails are ours: for heavy tails the
 * threshold's count is biased.
 */
export function statisticalCount(
  values: Float64Array,
  { keep, minKeep, maxKeep }: StatisticalBounds,
): number {
  const d = values.length;
  if (keep >= d) return d;
  if (d < leastForStatistics) return keep;
  const mean = values.reduce((sum, value) => sum + value, 0) / d;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / d;
  const threshold = mean + Math.sqrt(variance) * normalQuantile(1 - keep / d);
  const above = values.reduce((count, value) => count + (value > threshold ? 1 : 0), 0);
  return Math.min(Math.max(above, minKeep), maxKeep);
}

/** Quantile of the standard normal distribution. Few codecs ask for it, so the package is loaded with the first question. */
function normalQuantile(p: number): number {
  const jstat: typeof import('jstat').default = createRequire(import.meta.url)('jstat');
  return jstat.normal.inv(p, 0, 1);
}
