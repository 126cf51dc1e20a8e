/** Where values lie, and how far from each other. */

/** Mean and standard deviation of values. */
export interface Spread {
  /** Their mean. */
  readonly mean: number;
  /** The root of the mean squared distance from it. */
  readonly deviation: number;
}

/** The spread of one value at least; NaN of none. */
export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}
