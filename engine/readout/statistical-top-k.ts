/** Which values stand out of a list: a threshold from mean and spread, two passes over the values, no sort. */
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
 * `theta(x, k) = mean(x) + std(x) · Q(1 - k/d)` over `d` values, where `Q` is the standard normal quantile and `std` the
 * population's: about `k` values lie above it where they are spread normally. Heavier tails leave fewer: of values from
 * a Laplace distribution about 14 % fewer, whatever `d` is.
 *
 * @param keep - `k`, above 0 and below `d`.
 *
 * Source: Spark Transformer, statistical top-k (arXiv:2506.06644).
 */
export function statisticalThreshold(values: ArrayLike<number>, keep: number): number {
  const d = values.length;
  let sum = 0;
  for (let i = 0; i < d; i += 1) sum += values[i]!;
  const mean = sum / d;
  let squares = 0;
  for (let i = 0; i < d; i += 1) squares += (values[i]! - mean) ** 2;
  return mean + Math.sqrt(squares / d) * normalQuantile(1 - keep / d);
}

/**
 * How many of `d` values lie above {@link statisticalThreshold}, and outside `minKeep` and `maxKeep` the nearer bound:
 * as many as stand out. `k` itself below {@link leastForStatistics} values.
 */
export function statisticalCount(
  values: ArrayLike<number>,
  { keep, minKeep, maxKeep }: StatisticalBounds,
): number {
  const d = values.length;
  if (keep >= d) return d;
  if (d < leastForStatistics) return keep;
  return Math.min(Math.max(countAbove(values, statisticalThreshold(values, keep)), minKeep), maxKeep);
}

/**
 * Indices of the values that are kept, ascending: those above {@link statisticalThreshold}, where they are at least half
 * and at most twice `keep`; the `keep` largest otherwise, and of fewer than {@link leastForStatistics} values. Never
 * fewer than `minKeep` (all where there are no more) and never more than `maxKeep`, which wins where the two cross. Of
 * equal values the earlier is kept.
 *
 * @throws RangeError when a value is no number, or a bound is no whole number of at least 0.
 */
export function statisticalTopK(values: ArrayLike<number>, bounds: StatisticalBounds): number[] {
  for (const [name, bound] of Object.entries(bounds)) assertCount(name, bound);
  for (let i = 0; i < values.length; i += 1) {
    if (Number.isNaN(values[i]!))
      throw new RangeError(`statisticalTopK: expected numbers, got NaN at index ${i}.`);
  }
  return largest(values, guardedCount(values, bounds));
}

function guardedCount(values: ArrayLike<number>, { keep, minKeep, maxKeep }: StatisticalBounds): number {
  const d = values.length;
  const isExact = d < leastForStatistics || keep === 0 || keep >= d;
  const above = isExact ? keep : countAbove(values, statisticalThreshold(values, keep));
  const count = above < keep / 2 || above > 2 * keep ? keep : above;
  return Math.min(Math.max(count, minKeep), maxKeep, d);
}

function countAbove(values: ArrayLike<number>, threshold: number): number {
  let count = 0;
  for (let i = 0; i < values.length; i += 1) if (values[i]! > threshold) count += 1;
  return count;
}

function largest(values: ArrayLike<number>, count: number): number[] {
  const order = Array.from({ length: values.length }, (_, i) => i);
  // Compared, not subtracted: of two infinite values the difference is no number.
  order.sort((a, b) => Number(values[b]! > values[a]!) - Number(values[b]! < values[a]!) || a - b);
  return order.slice(0, count).sort((a, b) => a - b);
}

function assertCount(name: string, bound: number): void {
  if (Number.isInteger(bound) && bound >= 0) return;
  throw new RangeError(`statisticalTopK: expected a whole number of at least 0 as ${name}, got ${bound}.`);
}

/**
 * Quantile of the standard normal distribution. The package is loaded with the first question: mostly there is none.
 *
 * @param p - Above 0 and below 1.
 */
export function normalQuantile(p: number): number {
  const jstat: typeof import('jstat').default = createRequire(import.meta.url)('jstat');
  return jstat.normal.inv(p, 0, 1);
}
