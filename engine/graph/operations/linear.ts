/** Matrix products. */
import type { LinearType } from '../operation-types.ts';
import type { Value } from '../value.ts';
import { broadcast, operationsOf, type Rules, refuse } from './operation.ts';

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
  Gemm: ({ inputs }) => {
    const [x, weights] = inputs as readonly [Value, Value];
    if (x.shape.length !== 2 || weights.shape.length !== 2 || x.shape[1] !== weights.shape[1]) {
      refuse('linear: expected [M, K] and [N, K]', x, weights);
    }
    return [{ type: x.type, shape: [x.shape[0]!, weights.shape[0]!] }];
  },
};

const make = operationsOf(linearRules);

/** Matrix product over the last two axes; leading axes broadcast. */
export function matmul(a: Value, b: Value): Value {
  return make('MatMul', [a, b]);
}

/** `x · Wᵀ + b` for a matrix `x [M, K]` and weights as Hugging Face keeps them, `W [N, K]`. */
export function linear(x: Value, weights: Value, bias?: Value): Value {
  return make('Gemm', [x, weights, bias], { attributes: { transB: 1 } });
}
