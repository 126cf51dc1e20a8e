/** Scores of one list on a common scale. */

/** Largest magnitude of a z-score, so that one absurd score cannot decide a list. */
const maxZ = 3;

/**
 * Z-scores clipped at `±limit`; undefined when no value is finite. Absurd values (beyond 1e30) count as non-finite.
 *
 * @param limit - Above 0. @defaultValue 3
 */
export function zScores(values: readonly number[], limit: number = maxZ): number[] | undefined {
  const finite = values.filter((value) => Number.isFinite(value) && Math.abs(value) < 1e30);
  if (finite.length === 0) return undefined;
  const minimum = finite.reduce((least, value) => Math.min(least, value));
  const whole = values.map((value) => (Number.isFinite(value) && Math.abs(value) < 1e30 ? value : minimum));
  const mean = whole.reduce((sum, value) => sum + value, 0) / whole.length;
  const variance = whole.reduce((sum, value) => sum + (value - mean) ** 2, 0) / whole.length;
  const deviation = Math.sqrt(variance);
  // A spread that comes from rounding alone counts as none.
  if (deviation <= 1e-12 * Math.max(1, Math.abs(mean))) return whole.map(() => 0);
  return whole.map((value) => Math.max(-limit, Math.min(limit, (value - mean) / deviation)));
}
