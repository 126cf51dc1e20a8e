/** How well the query's tokens are matched in one place of a text. Axes: `T` tokens of a block, `Q` query tokens. */

/** A passage is so many steps of so many tokens long, and one begins at every step: 24 tokens, one every 6. */
const stepTokens = 6;
const passageSteps = 4;

/**
 * How well the passage that fits the query best does: the largest cosine of each query token within the passage, mean over
 * the query's tokens, the largest over the passages of a block.
 *
 * Words that are matched side by side answer more often than words that are matched anywhere.
 *
 * @param values - Row-major, shape `[T, Q]`, `T` and `Q` at least 1: numbers that grow with the cosine.
 * @param meanCosine - The mean of the cosines that numbers stand for, one a query token.
 */
export function passageMatch(
  values: Float32Array,
  Q: number,
  meanCosine: (values: Float32Array) => number,
): number {
  let largest = largestOfSteps(values, Q);
  for (let steps = 1; steps < passageSteps; steps *= 2) largest = largerOf(largest, Q, steps);
  let best = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < largest.length; at += Q)
    best = Math.max(best, meanCosine(largest.subarray(at, at + Q)));
  return best;
}

/** The largest value of each query token in each step, shape `[steps, Q]`. A plain loop: it runs over every pair of tokens. */
function largestOfSteps(values: Float32Array, Q: number): Float32Array {
  const T = values.length / Q;
  const largest = new Float32Array(Math.ceil(T / stepTokens) * Q).fill(Number.NEGATIVE_INFINITY);
  for (let j = 0; j < T; j += 1) {
    const at = Math.floor(j / stepTokens) * Q;
    for (let i = 0; i < Q; i += 1) {
      const value = values[j * Q + i]!;
      if (value > largest[at + i]!) largest[at + i] = value;
    }
  }
  return largest;
}

/** The larger of each two rows that lie so many apart, shape `[rows - apart, Q]`; of fewer rows, of the first and the last. */
function largerOf(rows: Float32Array, Q: number, apart: number): Float32Array {
  const offset = Math.min(apart * Q, rows.length - Q);
  const larger = rows.slice(0, rows.length - offset);
  for (let at = 0; at < larger.length; at += 1) {
    if (rows[at + offset]! > larger[at]!) larger[at] = rows[at + offset]!;
  }
  return larger;
}
