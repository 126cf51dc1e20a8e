import { expect } from 'vitest';

/** Fails unless every pair differs by at most `atol + rtol * |expected|`. */
export function assertAllClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { rtol = 0, atol = 1e-9 }: { readonly rtol?: number; readonly atol?: number } = {},
): void {
  expect(actual.length).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < expected.length; i += 1) {
    const allowed = atol + rtol * Math.abs(expected[i]!);
    const excess = Math.abs(actual[i]! - expected[i]!) - allowed;
    worst = Number.isNaN(excess) ? Number.POSITIVE_INFINITY : Math.max(worst, excess);
  }
  expect(worst, `worst excess over rtol ${rtol}, atol ${atol}`).toBeLessThanOrEqual(0);
}
