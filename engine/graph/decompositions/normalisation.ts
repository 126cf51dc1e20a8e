/** Normalisations in primitives. Means are float32 sums, whatever the type of `x`. */
import * as g from '../operations/index.ts';
import { floatOf } from '../operations/operation.ts';
import { scalar, type Value } from '../value.ts';
import type { Decomposition } from './decomposition.ts';

/** `x / √(mean square + ε) · scale`. */
export const rmsNormDecomposition: Decomposition = (operation) => {
  const [x, scale] = operation.inputs as readonly [Value, Value];
  const normal = unitRows(g.cast(x, 'float32'), floatOf(operation, 'epsilon'));
  return [g.cast(g.multiply(normal, g.cast(scale, 'float32')), x.type)];
};

/** The same of `x + residual`, and that sum as the fourth output. */
export const addedRmsNormDecomposition: Decomposition = ({ inputs, attributes }) => {
  const [x, residual, scale] = inputs as readonly [Value, Value, Value];
  const sum = g.add(x, residual);
  const [normed] = rmsNormDecomposition({ inputs: [sum, scale], attributes });
  return [normed, undefined, undefined, sum];
};

/** Rows whose mean square is 1. */
function unitRows(rows: Value, epsilon: number): Value {
  const meanSquare = meanLast(g.multiply(rows, rows));
  return g.divide(rows, g.squareRoot(g.add(meanSquare, scalar(epsilon))));
}

const meanLast = (x: Value): Value => g.multiply(g.sumLast(x), scalar(1 / Number(x.shape.at(-1))));
