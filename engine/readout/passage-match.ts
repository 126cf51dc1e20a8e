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
 * @param cosineOf - The cosine that a number of a query token stands for.
 */
export function passageMatch(
  values: Float32Array,
  Q: number,
  cosineOf: (value: number, queryToken: number) => number,
): number {
  const largest = largestOfSteps(values, Q);
  const cosines = largest.map((value, at) => cosineOf(value, at % Q));
  const steps = cosines.length / Q;
  let best = Number.NEGATIVE_INFINITY;
  for (let step = 0; step === 0 || step + passageSteps <= steps; step += 1) {
    let sum = 0;
    for (let i = 0; i < Q; i += 1) sum += largestWithin(cosines, Q, { step, i });
    best = Math.max(best, sum / Q);
  }
  return best;
}

/** The largest value of each query token in each step, shape `[steps, Q]`. A plain loop: it runs over every pair of tokens. */
function largestOfSteps(values: Float32Array, Q: number): Float64Array {
  const T = values.length / Q;
  const largest = new Float64Array(Math.ceil(T / stepTokens) * Q).fill(Number.NEGATIVE_INFINITY);
  for (let j = 0; j < T; j += 1) {
    const at = Math.floor(j / stepTokens) * Q;
    for (let i = 0; i < Q; i += 1) {
      const value = values[j * Q + i]!;
      if (value > largest[at + i]!) largest[at + i] = value;
    }
  }
  return largest;
}

/** The largest of a query token `i` in the passage that begins at a step. */
function largestWithin(
  cosines: Float64Array,
  Q: number,
  { step, i }: { readonly step: number; readonly i: number },
): number {
  let largest = Number.NEGATIVE_INFINITY;
  const end = Math.min(cosines.length, (step + passageSteps) * Q);
  for (let at = step * Q + i; at < end; at += Q) largest = Math.max(largest, cosines[at]!);
  return largest;
}
