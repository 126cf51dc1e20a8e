/** Activations in primitives. */
import * as g from '../operations/index.ts';
import { floatOf } from '../operations/operation.ts';
import type { Value } from '../value.ts';
import { type Decomposition, numberLike } from './decomposition.ts';

/** `x · sigmoid(alpha · x)`. */
export const quickGeluDecomposition: Decomposition = (operation) => {
  const [x] = operation.inputs as readonly [Value];
  const alpha = floatOf(operation, 'alpha');
  const steep = alpha === 1 ? x : g.multiply(x, numberLike(alpha, x));
  return [g.multiply(x, g.sigmoid(steep))];
};
