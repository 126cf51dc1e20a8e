/** Matrix products. */
import type { LinearType } from '../operation-types.ts';
import { operationOf } from '../order.ts';
import type { Axis, Operation, Value } from '../value.ts';
import { broadcast, floatOf, operationsOf, type Rules, refuse } from './operation.ts';
import { transpose } from './shape.ts';

/** Shape rules of matrix products. */
export const linearRules: Rules<LinearType> = {
  MatMul: ({ inputs }) => {
    const [a, b] = inputs as readonly [Value, Value];
    const [inner, rows] = [a.shape.at(-1), b.shape.at(-2)];
    if (a.shape.length < 2 || b.shape.length < 2 || inner !== rows || a.type !== b.type) {
      refuse('matmul: expected [..., M, K] and [..., K, N]', a, b);
    }
    const leading = broadcast(
      'matmul',
      { ...a, shape: a.shape.slice(0, -2) },
      { ...b, shape: b.shape.slice(0, -2) },
    );
    return [{ type: a.type, shape: [...leading, a.shape.at(-2)!, b.shape.at(-1)!] }];
  },
  Gemm: (given) => {
    const [a, b] = given.inputs as readonly [Value, Value];
    const { turnsFirst, turnsSecond, added } = productOptions(given);
    const [M, K] = shapeAsRead(a, turnsFirst);
    const [rows, N] = shapeAsRead(b, turnsSecond);
    if (a.shape.length !== 2 || b.shape.length !== 2 || K !== rows || a.type !== b.type) {
      refuse('product: expected a matrix, and one with as many rows as that has columns', a, b);
    }
    const form = { type: a.type, shape: [M!, N!] };
    if (added) broadcast('product', { ...a, ...form }, added);
    return [form];
  },
};

const shapeAsRead = ({ shape }: Value, isTurned: boolean): readonly Axis[] =>
  isTurned ? shape.toReversed() : shape;

const make = operationsOf(linearRules);

/** Matrix product over the last two axes; leading axes broadcast. */
export function matmul(a: Value, b: Value): Value {
  return make('MatMul', [a, b]);
}

/** What {@link product} takes besides its factors. */
export interface ProductOptions {
  /** Whether the first factor is read with its axes swapped. @defaultValue false */
  readonly turnsFirst?: boolean;
  /** Whether the second one is. @defaultValue false */
  readonly turnsSecond?: boolean;
  /** What is added, of the product's shape or repeated to it. @defaultValue nothing */
  readonly added?: Value | undefined;
  /** Of the product, not of what is added. @defaultValue 1 */
  readonly factor?: number;
}

/** `factor · a · b + added` for two matrices, `[M, K]` and `[K, N]` as they are read. */
export function product(
  a: Value,
  b: Value,
  { turnsFirst = false, turnsSecond = false, added, factor = 1 }: ProductOptions = {},
): Value {
  const attributes = {
    transA: turnsFirst ? 1 : undefined,
    transB: turnsSecond ? 1 : undefined,
    alpha: factor === 1 ? undefined : { float: factor },
  };
  return make('Gemm', [a, b, added], { attributes });
}

/** What a {@link product} was made with. */
export function productOptions({
  inputs,
  attributes,
}: Pick<Operation, 'inputs' | 'attributes'>): Required<ProductOptions> {
  return {
    turnsFirst: attributes['transA'] === 1,
    turnsSecond: attributes['transB'] === 1,
    added: inputs[2],
    factor: 'alpha' in attributes ? floatOf({ attributes }, 'alpha') : 1,
  };
}

/** `x · Wᵀ + b` for a matrix `x [M, K]` and weights as Hugging Face keeps them, `W [N, K]`. */
export function linear(x: Value, weights: Value, bias?: Value): Value {
  return product(x, weights, { turnsSecond: true, added: bias });
}

/** With the last two axes swapped. */
export const turned = (x: Value): Value => transpose(x, turn(x));

/** What {@link turned} made a value of; `undefined` where it did not. */
export function turnedFrom(x: Value): Value | undefined {
  const operation = operationOf(x);
  const isTurn = operation?.type === 'Transpose' && String(operation.attributes['perm']) === String(turn(x));
  return isTurn ? operation.inputs[0] : undefined;
}

/** The order of axes in which the last two are swapped. */
function turn({ shape }: Value): number[] {
  const axes = [...shape.keys()];
  return [...axes.slice(0, -2), ...axes.slice(-2).reverse()];
}
