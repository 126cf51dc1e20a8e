/** Scores of one list on a common scale. */
import { spreadOf } from './spread.ts';

/** Largest magnitude of a z-score, so that one absurd score cannot decide a list. */
export const maxZ = 3;

/**
 * Z-scores clipped at `±limit`; undefined when no value is finite. Absurd values (beyond 1e30) count as non-finite.
 *
 * @param limit - Above 0. @defaultValue 3
 */
export function zScores(values: readonly number[], limit: number = maxZ): number[] | undefined {
  const scale = zScale(values);
  return scale && values.map((value) => Math.max(-limit, Math.min(limit, scale(value))));
}

/**
 * The map that gives values mean 0 and deviation 1, for these values and for others on their scale; undefined when no
 * value is finite. Missing, non-finite and absurd values count as the minimum. Equal values give 0 for all.
 */
export function zScale(values: readonly number[]): ((value: number) => number) | undefined {
  const finite = values.filter(isUsable);
  if (finite.length === 0) return undefined;
  const minimum = finite.reduce((least, value) => Math.min(least, value));
  const toWhole = (value: number): number => (isUsable(value) ? value : minimum);
  const whole = values.map(toWhole);
  const { mean, deviation } = spreadOf(whole);
  // A spread that comes from rounding alone counts as none.
  if (deviation <= 1e-12 * Math.max(1, Math.abs(mean))) return () => 0;
  return (value) => (toWhole(value) - mean) / deviation;
}

function isUsable(value: number): boolean {
  return Number.isFinite(value) && Math.abs(value) < 1e30;
}
