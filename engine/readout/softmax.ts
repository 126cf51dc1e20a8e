/** Sums of exponentials in float64, safe for any range. */

/** `log(sum(exp(values)))`; -Infinity for none. */
export function logSumExp(values: ArrayLike<number>): number {
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i += 1) max = Math.max(max, values[i]!);
  if (max === Number.NEGATIVE_INFINITY) return max;
  let sum = 0;
  for (let i = 0; i < values.length; i += 1) sum += Math.exp(values[i]! - max);
  return max + Math.log(sum);
}

/** `exp(v - logSumExp(values))` for each value; sums to 1. */
export function softmax(values: ArrayLike<number>): Float64Array {
  const total = logSumExp(values);
  return Float64Array.from(values, (value) => Math.exp(value - total));
}
