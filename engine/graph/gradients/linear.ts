/** Gradients of matrix products. */

import { floatOf } from '../decompositions/decomposition.ts';
import type { LinearType } from '../operation-types.ts';
import * as g from '../operations/index.ts';
import { operationOf } from '../order.ts';
import type { Operation, Value } from '../value.ts';
import { type GradientRule, type Gradients, numberLike, sumTo } from './gradient.ts';

/** With `y = alpha · a · b`: `alpha · dy · bᵀ` and `alpha · aᵀ · dy`, each turned where its factor is read so. */
const ofProduct: GradientRule = ({ inputs, attributes, gradient: dy, shapedLike }) => {
  const [a, b, added] = inputs as readonly [Value, Value, Value | undefined];
  const { turnsFirst, turnsSecond, factor, addedFactor } = productOptions({ attributes });
  const times = (p: Value, q: Value, first: boolean, second: boolean): Value =>
    g.product(p, q, { turnsFirst: first, turnsSecond: second, factor });
  const da = turnsFirst ? times(b, dy, turnsSecond, true) : times(dy, b, false, !turnsSecond);
  const db = turnsSecond ? times(dy, a, true, turnsFirst) : times(a, dy, !turnsFirst, false);
  if (!added) return [da, db];
  const sum = sumTo(dy, added, turnsFirst ? dy : shapedLike(a));
  return [da, db, addedFactor === 1 ? sum : g.multiply(sum, numberLike(addedFactor, sum))];
};

/** What a product was made with. */
function productOptions({
  attributes,
}: Pick<Operation, 'attributes'>): Required<Omit<g.ProductOptions, 'added'>> {
  const numberOf = (name: string): number => (name in attributes ? floatOf({ attributes }, name) : 1);
  return {
    turnsFirst: attributes['transA'] === 1,
    turnsSecond: attributes['transB'] === 1,
    factor: numberOf('alpha'),
    addedFactor: numberOf('beta'),
  };
}

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
  const [a, b, added] = operation?.inputs ?? [];
  if (operation?.type !== 'Gemm' || added) return undefined;
  const own = productOptions(operation);
  return ({ factor = 1, ...more }) => g.product(a!, b!, { ...own, ...more, factor: own.factor * factor });
}
