/** Activations in primitives. */
import * as g from '../operations/index.ts';
import type { Value } from '../value.ts';
import { type Decomposition, floatOf, numberLike } from './decomposition.ts';

/** `x/2 · (1 + erf(x/√2))`. */
export const geluDecomposition: Decomposition = ({ inputs }) => {
  const [x] = inputs as readonly [Value];
  const error = g.errorFunction(g.multiply(x, numberLike(Math.SQRT1_2, x)));
  const half = g.multiply(x, numberLike(0.5, x));
  return [g.multiply(half, g.add(error, numberLike(1, x)))];
};

/** `x · sigmoid(alpha · x)`. */
export const quickGeluDecomposition: Decomposition = (operation) => {
  const [x] = operation.inputs as readonly [Value];
  const alpha = floatOf(operation, 'alpha');
  const steep = alpha === 1 ? x : g.multiply(x, numberLike(alpha, x));
  return [g.multiply(x, g.sigmoid(steep))];
};
