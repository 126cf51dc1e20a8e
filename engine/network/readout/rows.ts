/** Small steps that the readout's graph is made of. Axes: `N` rows, `W` width, `R` rank. */
import * as g from '../../graph/operations/index.ts';
import type { Value } from '../../graph/value.ts';

/** `x + (x · down) · up` for rows `[N, W]`. */
export function projectedRows(rows: Value, down: Value, up: Value): Value {
  return g.add(rows, g.matmul(g.matmul(rows, down), up));
}

/** Rows divided by their length. */
export function normalisedRows(rows: Value): Value {
  return g.divide(rows, g.squareRoot(g.sumLast(g.multiply(rows, rows))));
}

/** `log sum exp` over the last axis, which stays with length 1. The largest is taken out, so that no exponential overflows. */
export function logSumExpLast(x: Value): Value {
  const largest = g.maxLast(x);
  return g.add(largest, g.logarithm(g.sumLast(g.exponential(g.subtract(x, largest)))));
}
