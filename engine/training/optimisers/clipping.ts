/** Clipping of gradients by their length all together. */

/** Gradients by the name of their tensor. */
export type Gradients = ReadonlyMap<string, Float32Array>;

/** What `clipGradients` gives. */
export interface ClippedGradients {
  /** The gradients, shortened or as they were. */
  readonly gradients: Gradients;
  /** Their length before, see `globalNorm`. */
  readonly norm: number;
}

/** Length of all gradients as one vector; NaN or Infinity where one is. */
export function globalNorm(gradients: Gradients): number {
  let sum = 0;
  for (const gradient of gradients.values()) {
    for (let i = 0; i < gradient.length; i += 1) sum += gradient[i]! * gradient[i]!;
  }
  return Math.sqrt(sum);
}

/**
 * Gradients of at most the given length all together; their direction stays. The given ones are not changed, and are
 * themselves the answer when they are short enough, or when their length is no finite number.
 *
 * @param maxNorm - Longest that they may be, > 0.
 *
 * @throws RangeError for another `maxNorm`.
 *
 * Source: arXiv:1211.5063, section 3.2.
 */
export function clipGradients(gradients: Gradients, maxNorm: number): ClippedGradients {
  if (!(maxNorm > 0)) throw new RangeError(`clipGradients: expected a length above 0, got ${maxNorm}.`);
  const norm = globalNorm(gradients);
  if (!Number.isFinite(norm) || norm <= maxNorm) return { gradients, norm };
  const factor = maxNorm / norm;
  const clipped = [...gradients].map(([name, gradient]) => [name, times(gradient, factor)] as const);
  return { gradients: new Map(clipped), norm };
}

function times(gradient: Float32Array, factor: number): Float32Array {
  const out = new Float32Array(gradient.length);
  for (let i = 0; i < out.length; i += 1) out[i] = gradient[i]! * factor;
  return out;
}
