/** Gradients of operations on each element by itself. */

import type { ElementwiseType } from '../operation-types.ts';
import * as g from '../operations/index.ts';
import { bytesOf, type DataType, type Value } from '../value.ts';
import { type GradientRule, type Gradients, numberLike, sumTo } from './gradient.ts';

/** The gradient of an operation over two values, before it is summed over repeated axes. */
function ofTwo(
  parts: (step: { a: Value; b: Value; y: Value; dy: Value }) => readonly [a: Value, b: Value],
): GradientRule {
  return ({ inputs, output: y, gradient: dy }) => {
    const [a, b] = inputs as readonly [Value, Value];
    const [da, db] = parts({ a, b, y, dy });
    return [sumTo(da, a), sumTo(db, b)];
  };
}

/** The gradient of an operation over one value. */
const ofOne =
  (part: (step: { x: Value; y: Value; dy: Value }) => Value): GradientRule =>
  ({ inputs, output: y, gradient: dy }) => [part({ x: inputs[0]!, y, dy })];

const minus = (x: Value): Value => g.multiply(x, numberLike(-1, x));
const maskOf = (a: Value, b: Value): Value => g.cast(g.isGreater(a, b), a.type);

/** Element types that have gradients. */
const isReal = (type: DataType): boolean => type === 'float32' || bytesOf[type] === 2;

/** By type. */
export const elementwiseGradients: Gradients<ElementwiseType> = {
  Add: ofTwo(({ dy }) => [dy, dy]),
  Sub: ofTwo(({ dy }) => [dy, minus(dy)]),
  Mul: ofTwo(({ a, b, dy }) => [g.multiply(dy, b), g.multiply(dy, a)]),
  Div: ofTwo(({ b, y, dy }) => {
    const da = g.divide(dy, b);
    return [da, minus(g.multiply(da, y))];
  }),
  // Where both are equal, the second has the gradient.
  Max: ofTwo(({ a, b, dy }) => {
    const da = g.multiply(dy, maskOf(a, b));
    return [da, g.subtract(dy, da)];
  }),
  Abs: ofOne(({ x, dy }) => {
    const zero = numberLike(0, x);
    return g.multiply(dy, g.subtract(maskOf(x, zero), maskOf(zero, x)));
  }),
  Sqrt: ofOne(({ y, dy }) => g.divide(g.multiply(dy, numberLike(0.5, y)), y)),
  Exp: ofOne(({ y, dy }) => g.multiply(dy, y)),
  Log: ofOne(({ x, dy }) => g.divide(dy, x)),
  Erf: ofOne(({ x, dy }) => {
    const bell = g.exponential(minus(g.multiply(x, x)));
    return g.multiply(dy, g.multiply(bell, numberLike(2 / Math.sqrt(Math.PI), x)));
  }),
  Sigmoid: ofOne(({ y, dy }) => g.multiply(dy, g.multiply(y, g.subtract(numberLike(1, y), y)))),
  Cast: ({ inputs, output, gradient }) => {
    const [x] = inputs as readonly [Value];
    return isReal(x.type) && isReal(output.type) ? [g.cast(gradient, x.type)] : [undefined];
  },
  Round: { notDifferentiable: 'its result has steps' },
  Greater: { notDifferentiable: 'its result is a choice' },
};
