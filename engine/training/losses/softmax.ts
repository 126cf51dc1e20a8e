/** Softmax in logarithms, as values of a graph. */
import * as g from '../../graph/operations/index.ts';
import type { Value } from '../../graph/value.ts';

/** Over the last axis, which stays with length 1. The largest is taken out, so that no exponential overflows. */
export function logSumExp(x: Value): Value {
  const largest = g.maxLast(x);
  return g.add(largest, g.logarithm(g.sumLast(g.exponential(g.subtract(x, largest)))));
}

/** Logarithms of the softmax over the last axis; a masked logit stays a very negative number. */
export const logSoftmax = (x: Value): Value => g.subtract(x, logSumExp(x));
