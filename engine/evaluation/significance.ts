/** Whether a difference between two systems is more than chance, query by query. */
import jstat from 'jstat';
import { mean } from './measures.ts';
import { seededRandom } from './random.ts';

/** A mean with its 95 % confidence interval (Student's t over queries). */
export interface Interval {
  /** Mean over queries. */
  readonly mean: number;
  /** Lower bound. */
  readonly low: number;
  /** Upper bound. */
  readonly high: number;
}

/** The mean of values and its confidence interval; both bounds are the mean for fewer than two values. */
export function confidenceInterval(values: readonly number[], level = 0.95): Interval {
  const centre = mean(values);
  const n = values.length;
  if (n < 2) return { mean: centre, low: centre, high: centre };
  const margin = jstat.studentt.inv(0.5 + level / 2, n - 1) * standardError(values, centre);
  return { mean: centre, low: centre - margin, high: centre + margin };
}

/** Two-sided p-value of the paired t-test on differences; 1 when every difference is 0. */
export function pairedTTest(differences: readonly number[]): number {
  const centre = mean(differences);
  const error = standardError(differences, centre);
  if (error === 0) return centre === 0 || differences.length < 2 ? 1 : 0;
  return 2 * jstat.studentt.cdf(-Math.abs(centre / error), differences.length - 1);
}

/**
 * Two-sided p-value of the paired randomisation test: how often random signs give a mean difference as large.
 * The observed one counts among them, so p is never 0.
 *
 * @param options - `rounds` random assignments, default 10,000; `seed`, default 1.
 *
 * Source: Smucker, Allan, Carterette, CIKM 2007.
 */
export function randomisationTest(
  differences: readonly number[],
  { rounds = 10_000, seed = 1 }: { readonly rounds?: number; readonly seed?: number } = {},
): number {
  const random = seededRandom(seed);
  const observed = Math.abs(mean(differences)) * (1 - 1e-12); // sums in another order must still count as equal
  let asLarge = 1;
  for (let round = 0; round < rounds; round += 1) {
    let sum = 0;
    for (const difference of differences) sum += random() < 0.5 ? difference : -difference;
    if (Math.abs(sum / Math.max(1, differences.length)) >= observed) asLarge += 1;
  }
  return asLarge / (rounds + 1);
}

/** Standard error of the mean of values; 0 for fewer than two. @param centre - The mean. */
export function standardError(values: readonly number[], centre: number = mean(values)): number {
  if (values.length < 2) return 0;
  const sum = values.reduce((total, value) => total + (value - centre) ** 2, 0);
  return Math.sqrt(sum / (values.length - 1) / values.length);
}

/**
 * Whether values lead others of the same queries by more than one standard error of the paired differences.
 *
 * Source of the rule: Breiman et al. 1984.
 */
export function isClearLead(values: readonly number[], others: readonly number[]): boolean {
  const leads = values.map((value, i) => value - others[i]!);
  return mean(leads) > standardError(leads);
}
