/** Values of known distributions, the same for the same seed. */
import { randomNumbers } from './tiny-states.ts';

/** Standard normal values by Box and Muller. */
export function normals(count: number, seed: number): Float64Array {
  const uniform = uniforms(seed);
  return Float64Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

/** Values of the Laplace distribution of scale 1. */
export function laplaces(count: number, seed: number): Float64Array {
  const uniform = uniforms(seed);
  return Float64Array.from({ length: count }, () => Math.log(uniform()) - Math.log(uniform()));
}

/** Above 0 and below 1. */
function uniforms(seed: number): () => number {
  const next = randomNumbers(seed + 1);
  return () => Math.min(Math.max((next() + 1) / 2, 1e-12), 1 - 1e-12);
}
