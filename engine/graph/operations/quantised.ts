/** Operations on 8-bit integers. */
import type { QuantisedType } from '../operation-types.ts';
import { scalar, type Value } from '../value.ts';
import { operationsOf, outputsOf, type Rules, refuse } from './operation.ts';

/** Shape rules of operations on 8-bit integers. */
export const quantisedRules: Rules<QuantisedType> = {
  MatMulInteger: ({ inputs }) => {
    const [a, b] = inputs as readonly [Value, Value];
    if (a.shape.at(-1) !== b.shape.at(-2)) refuse('matmulInteger: expected [..., M, K] and [K, N]', a, b);
    return [{ type: 'int32', shape: [...a.shape.slice(0, -1), b.shape.at(-1)!] }];
  },
  MatMulIntegerToFloat: ({ inputs }) => {
    const [a, b, , scales] = inputs as readonly [Value, Value, Value, Value];
    if (a.shape.at(-1) !== b.shape.at(-2)) {
      refuse('matmulIntegerToFloat: expected [..., M, K] and [K, N]', a, b);
    }
    return [{ type: scales.type, shape: [...a.shape.slice(0, -1), b.shape.at(-1)!] }];
  },
  QuantizeLinear: ({ inputs }) => {
    const [x, scale, zero] = inputs as readonly [Value, Value, Value];
    if (scale.shape.length !== 1 || scale.shape[0] !== x.shape[0]) {
      refuse('quantiseRows: expected [M, ...] and one scale a row, [M]', x, scale);
    }
    return [{ type: zero.type, shape: x.shape }];
  },
  DequantizeLinear: ({ inputs: [x, scale] }) => [{ type: scale!.type, shape: x!.shape }],
  DynamicQuantizeLinear: ({ inputs: [x] }) => {
    if (x!.type !== 'float32') refuse('dynamicQuantise: expected float32', x!);
    return [
      { type: 'uint8', shape: x!.shape },
      { type: 'float32', shape: [] },
      { type: 'uint8', shape: [] },
    ];
  },
};

const make = operationsOf(quantisedRules);

/** `a · b` with the product of 8-bit integers summed in int32: `a uint8 [.., M, K]`, `b [K, N]`. */
export function matmulInteger(a: Value, b: Value, aZero: Value, bZero?: Value): Value {
  return make('MatMulInteger', [a, b, aZero, bZero]);
}

/**
 * The product of 8-bit integers as numbers: `(a - aZero) · b * scales`, for `a uint8 [.., M, K]`, `b int8 [K, N]` and one
 * scale a column, float32 `[N]`.
 */
export function matmulIntegerToFloat(a: Value, b: Value, scales: Value, aZero: Value): Value {
  return make('MatMulIntegerToFloat', [a, b, scalar(1), scales, aZero]);
}

/**
 * Numbers to integers, `round(x / scale) + zero`, halves to the even neighbour, with one scale and one zero a row of the
 * first axis: `scale float32 [M]`, `zero [M]` in the type of the result.
 */
export function quantiseRows(x: Value, scale: Value, zero: Value): Value {
  return make('QuantizeLinear', [x, scale, zero], { attributes: { axis: 0 } });
}

/** Integers to numbers: `x * scale`, one scale a row of the first axis. */
export function dequantise(x: Value, scale: Value): Value {
  return make('DequantizeLinear', [x, scale], { attributes: { axis: 0 } });
}

/** Numbers to integers: `x ≈ (integers - zero) * scale`, with one scale and one zero for all of `x`. */
export function dynamicQuantise(x: Value): {
  readonly integers: Value;
  readonly scale: Value;
  readonly zero: Value;
} {
  const [integers, scale, zero] = outputsOf(make('DynamicQuantizeLinear', [x]));
  return { integers: integers!, scale: scale!, zero: zero! };
}
