/** Gradients of matrix products. */

import type { LinearType } from '../operation-types.ts';
import * as g from '../operations/index.ts';
import { operationOf } from '../order.ts';
import type { Value } from '../value.ts';
import { type GradientRule, type Gradients, numberLike, sumTo } from './gradient.ts';

/** With `y = factor · a · b`: `factor · dy · bᵀ` and `factor · aᵀ · dy`, each turned where its factor is read so. */
const ofProduct: GradientRule = ({ inputs, attributes, gradient: dy, shapedLike }) => {
  const [a, b] = inputs as readonly [Value, Value];
  const { turnsFirst, turnsSecond, added, factor } = g.productOptions({ inputs, attributes });
  const times = (p: Value, q: Value, first: boolean, second: boolean): Value =>
    g.product(p, q, { turnsFirst: first, turnsSecond: second, factor });
  return [
    turnsFirst ? times(b, dy, turnsSecond, true) : times(dy, b, false, !turnsSecond),
    turnsSecond ? times(dy, a, true, turnsFirst) : times(a, dy, !turnsFirst, false),
    added && sumTo(dy, added, turnsFirst ? dy : shapedLike(a)),
  ];
};

/** By type. */
export const linearGradients: Gradients<LinearType> = {
  MatMul: ({ inputs, gradient: dy }) => {
    const [a, b] = inputs as readonly [Value, Value];
    return [sumTo(g.matmul(dy, g.turned(b)), a), sumTo(g.matmul(g.turned(a), dy), b)];
  },
  Gemm: ofProduct,
};

/** The sum of two gradients; a product that nothing is added to yet takes the other along, which saves a pass over both. */
export function accumulated(sum: Value, part: Value): Value {
  const free = freeProduct(part);
  return free && sum.shape.join() === part.shape.join() ? free({ added: sum }) : g.add(sum, part);
}

/** A gradient times a number, which a product that nothing is added to takes along. */
export function scaled(gradient: Value, factor: number): Value {
  const free = freeProduct(gradient);
  return free ? free({ factor }) : g.multiply(gradient, numberLike(factor, gradient));
}

/** Makes a product that nothing is added to again, with more in it: `factor` comes on top of its own. */
function freeProduct(value: Value): ((more: g.ProductOptions) => Value) | undefined {
  const operation = operationOf(value);
  if (operation?.type !== 'Gemm') return undefined;
  const [a, b] = operation.inputs as readonly [Value, Value];
  const own = g.productOptions(operation);
  if (own.added) return undefined;
  return ({ factor = 1, ...more }) => g.product(a, b, { ...own, ...more, factor: own.factor * factor });
}
