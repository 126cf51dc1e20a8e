/** Gradients of matrix products. */

import type { LinearType } from '../operation-types.ts';
import * as g from '../operations/index.ts';
import type { Value } from '../value.ts';
import { type Gradients, sumTo } from './gradient.ts';

/** By type. */
export const linearGradients: Gradients<LinearType> = {
  MatMul: ({ inputs, gradient: dy }) => {
    const [a, b] = inputs as readonly [Value, Value];
    return [sumTo(g.matmul(dy, turned(b)), a), sumTo(g.matmul(turned(a), dy), b)];
  },
  Gemm: ({ inputs, gradient: dy }) => {
    const [x, weights, bias] = inputs as readonly [Value, Value, Value | undefined];
    return [g.matmul(dy, weights), g.matmul(turned(dy), x), bias && sumTo(dy, bias)];
  },
};

/** With the last two axes swapped. */
function turned(x: Value): Value {
  const order = x.shape.map((_, axis) => axis);
  const last = order.length - 1;
  return g.transpose(x, [...order.slice(0, -2), last, last - 1]);
}
