/** Gradients of operations that fold an axis, or run along one. */

import type { ReductionType } from '../operation-types.ts';
import * as g from '../operations/index.ts';
import { foldedAxes } from '../operations/reduction.ts';
import type { Value } from '../value.ts';
import { type Gradients, numberLike } from './gradient.ts';

/** By type. */
export const reductionGradients: Gradients<ReductionType> = {
  ReduceSum: ({ inputs, gradient }) => {
    const [x] = inputs as readonly [Value];
    const axes = foldedAxes({ inputs });
    const isKept = gradient.shape.length === x.shape.length;
    return [g.expandTo(isKept ? gradient : withFolded(gradient, axes), x)];
  },
  // Elements that are equally large have equal parts of the gradient.
  ReduceMax: ({ inputs, output, gradient }) => {
    const [x] = inputs as readonly [Value];
    const isLargest = g.subtract(numberLike(1, x), g.cast(g.isGreater(output, x), x.type));
    return [g.multiply(g.divide(gradient, g.sumLast(isLargest)), isLargest), undefined];
  },
  CumSum: ({ attributes, gradient }) => [
    g.runningSum(gradient, { backwards: attributes['reverse'] !== 1 }),
    undefined,
  ],
};

/** Folded axes put back with length 1, the first one first. */
function withFolded(gradient: Value, axes: ReadonlySet<number>): Value {
  const sorted = [...axes].sort((a, b) => a - b);
  return sorted.reduce((x, axis) => g.unsqueeze(x, axis), gradient);
}
