import { describe, expect, it } from 'vitest';
import { decompositions, toPrimitives } from '../../../engine/graph/decompositions/decompositions.ts';
import { gradients } from '../../../engine/graph/gradients/gradients.ts';
import { gradientsOf } from '../../../engine/graph/gradients/gradients-of.ts';
import type { OperationType } from '../../../engine/graph/operation-types.ts';
import * as g from '../../../engine/graph/operations/index.ts';
import { outputsOf } from '../../../engine/graph/operations/operation.ts';
import { operationsInOrder } from '../../../engine/graph/order.ts';
import { constant, input, integers, scalar, type Value } from '../../../engine/graph/value.ts';
import { assertAllClose } from '../../support/checks/all-close.ts';
import {
  type CheckedInput,
  checkedGradients,
  type GradientCheck,
  openGraph,
} from '../../support/checks/gradient-check.ts';

type Inputs = readonly [Value, Value, Value, Value, Value];

const sized = (...lengths: number[]): CheckedInput => ({ lengths });
const positive = (...lengths: number[]): CheckedInput => ({ lengths, between: [0.5, 2] });
const dynamic = (lengths: readonly number[], axes: readonly (string | number)[]): CheckedInput => ({
  lengths,
  axes,
});
const checkOf = (
  inputs: readonly CheckedInput[],
  make: (inputs: Inputs) => Value | readonly Value[],
): GradientCheck => ({ inputs, make: (values) => make(values as Inputs) });

const two = (make: (a: Value, b: Value) => Value): readonly GradientCheck[] => [
  checkOf([positive(2, 3), positive(2, 3)], ([a, b]) => make(a, b)),
  checkOf([positive(2, 3), positive(3)], ([a, b]) => make(a, b)),
  checkOf([dynamic([4, 1, 3], ['N', 1, 'W']), dynamic([2, 1], ['M', 1])], ([a, b]) =>
    make(a, g.add(g.multiply(b, scalar(2)), scalar(3))),
  ),
];
const one = (make: (x: Value) => Value, x: CheckedInput = sized(2, 3)): readonly GradientCheck[] => [
  checkOf([x], ([a]) => make(a)),
];
const rotary = (pairs: 'halves' | 'neighbours', L: string | 3, places: Value): GradientCheck =>
  checkOf(
    [dynamic([1, 3, 8], [1, L, 8]), dynamic([3, 2], [L, 2]), dynamic([3, 2], [L, 2])],
    ([x, cos, sin]) => g.rotaryEmbedding(x, places, { cos, sin }, { heads: 2, pairs }),
  );
const attention = (past: number): GradientCheck => {
  const rows = past === 0 ? [] : [sized(1, 2, past, 8), sized(1, 2, past, 8)];
  return checkOf(
    [
      dynamic([1, 3, 32], [1, 'L', 32]),
      dynamic([1, 3, 16], [1, 'L', 16]),
      dynamic([1, 3, 16], [1, 'L', 16]),
      ...rows,
    ],
    ([query, key, value, keys, values]) =>
      g.groupQueryAttention(
        {
          query,
          key,
          value,
          ...(past === 0 ? {} : { past: { keys, values } }),
          lastPlaces: constant(Int32Array.of(past + 2), [1]),
          longest: constant(Int32Array.of(past + 3), []),
        },
        { heads: 4, keyValueHeads: 2, scale: 0.7 },
      ),
  );
};

/** By operator: functions whose gradients go through it. `none` where it has no gradient. */
const checks: Readonly<Record<OperationType, readonly GradientCheck[] | 'none'>> = {
  Add: two(g.add),
  Sub: two(g.subtract),
  Mul: [...two(g.multiply), ...one((x) => g.multiply(x, x))],
  Div: two(g.divide),
  Max: [
    checkOf([sized(2, 3), dynamic([1, 3], [1, 3])], ([a, b]) => g.maximum(a, g.multiply(b, scalar(0.7)))),
  ],
  Abs: one(g.absolute),
  Sqrt: one(g.squareRoot, positive(2, 3)),
  Exp: one(g.exponential),
  Log: one(g.logarithm, positive(2, 3)),
  Greater: 'none',
  Round: 'none',
  Erf: one(g.errorFunction),
  Sigmoid: one(g.sigmoid),
  Cast: one((x) => g.cast(g.cast(g.cast(x, 'float32'), 'float16'), 'float32')),
  MatMul: [
    checkOf([sized(2, 3), sized(3, 4)], ([a, b]) => g.matmul(a, b)),
    checkOf([dynamic([3, 1, 2, 3], ['N', 1, 'M', 3]), dynamic([2, 3, 2], ['B', 3, 'K'])], ([a, b]) =>
      g.matmul(a, b),
    ),
  ],
  Gemm: [
    checkOf([dynamic([4, 3], ['T', 3]), sized(5, 3), sized(5)], ([x, w, b]) => g.linear(x, w, b)),
    checkOf([sized(2, 3), sized(5, 3)], ([x, w]) => g.linear(x, w)),
    ...[false, true].flatMap((turnsFirst) =>
      [false, true].map((turnsSecond) =>
        checkOf(
          [turnsFirst ? sized(3, 2) : sized(2, 3), turnsSecond ? sized(4, 3) : sized(3, 4), sized(2, 4)],
          ([a, b, added]) => g.product(a, b, { turnsFirst, turnsSecond, added, factor: 0.5 }),
        ),
      ),
    ),
    // Two products of one value: the second gradient takes the first along.
    checkOf([dynamic([4, 3], ['T', 3]), sized(5, 3), sized(5, 3)], ([x, v, w]) =>
      g.add(g.linear(x, v), g.linear(x, w)),
    ),
  ],
  Reshape: [
    ...one((x) => g.reshape(x, [3, 2], [3, -1])),
    checkOf([dynamic([2, 2, 3], ['N', 'L', 3])], ([x]) => g.reshape(x, ['N·L', 3], [-1, 3])),
  ],
  Unsqueeze: one((x) => g.unsqueeze(x, 1), dynamic([2, 3], ['N', 'M'])),
  Transpose: one((x) => g.transpose(x, [2, 0, 1]), sized(2, 3, 4)),
  Slice: [
    ...one((x) => g.slice(x, { axis: 1, start: 1, end: 3 }), sized(2, 5)),
    ...one((x) => g.slice(x, { axis: 0, start: 0, end: 1 }), sized(2, 3)),
    ...one(
      (x) =>
        g.sliceTo(x, {
          axis: 0,
          start: g.lengthOf(g.slice(x, { axis: 1, start: 0, end: 2 }), 1),
          end: integers(4),
          length: 'M',
        }),
      dynamic([5, 3], ['N', 3]),
    ),
    ...one((x) => g.sliceTo(x, { axis: 1, start: integers(1), end: integers(2 ** 31 - 1), length: 'M' })),
  ],
  Concat: [
    checkOf([sized(2, 3), sized(2, 1), sized(2, 4)], ([a, b, c]) => g.concat([a, b, c], 1)),
    checkOf([dynamic([2, 3], ['N', 3]), dynamic([1, 3], ['M', 3])], ([a, b]) => g.concat([a, b, a], 0, 'T')),
  ],
  Gather: [
    checkOf([sized(5, 3)], ([x]) => g.gather(x, constant(BigInt64Array.of(4n, 0n, 4n, 4n), [2, 2]))),
    checkOf([dynamic([5, 3], ['V', 3])], ([x]) => g.gather(x, constant(Int32Array.of(1, 1, 2), [3]))),
  ],
  ScatterND: [
    checkOf([sized(5, 3), sized(3, 3)], ([table, rows]) =>
      g.scatterAdd(table, constant(BigInt64Array.of(4n, 0n, 4n), [3]), rows),
    ),
  ],
  Expand: [
    checkOf([dynamic([2, 1], ['N', 1]), dynamic([4, 2, 3], ['B', 'N', 3])], ([x, like]) =>
      g.multiply(g.expandTo(x, like), like),
    ),
  ],
  Shape: 'none',
  Identity: 'none',
  ReduceSum: [
    ...one(g.sumLast),
    ...one((x) => g.sumOver(x, [2, 0], { keeps: false }), dynamic([2, 3, 2], ['N', 'M', 2])),
    ...one((x) => g.sumOver(x, [1], { keeps: true }), sized(2, 3, 2)),
  ],
  ReduceMax: one(g.maxLast, dynamic([4, 3], ['N', 3])),
  CumSum: [
    ...one((x) => g.runningSum(x), sized(4, 2)),
    ...one((x) => g.runningSum(x, { backwards: true }), sized(4, 2)),
  ],
  Softmax: [
    ...one(g.softmax, dynamic([2, 5], ['N', 'M'])),
    // Weights of rows, and of the columns of a square: what stands behind it may be turned already.
    checkOf([dynamic([2, 3, 4], ['B', 'M', 4]), dynamic([2, 4, 5], ['B', 4, 5])], ([x, v]) =>
      g.matmul(g.softmax(x), v),
    ),
    checkOf([sized(2, 3, 3), sized(2, 3, 3)], ([x, v]) => g.matmul(g.softmax(x), g.transpose(v, [0, 2, 1]))),
    checkOf([sized(2, 3, 3), sized(2, 3, 3)], ([x, v]) => g.matmul(v, g.softmax(x))),
  ],
  Gelu: one(g.gelu),
  QuickGelu: one(g.silu),
  LayerNormalization: [
    checkOf([dynamic([4, 5], ['T', 5]), sized(5), sized(5)], ([x, scale, shift]) =>
      g.layerNormalisation(x, scale, shift, 1e-2),
    ),
  ],
  SimplifiedLayerNormalization: [
    checkOf([dynamic([4, 5], ['T', 5]), sized(5)], ([x, scale]) => g.rmsNormalisation(x, scale, 1e-2)),
  ],
  SkipSimplifiedLayerNormalization: [
    checkOf([dynamic([4, 8], ['T', 8]), dynamic([4, 8], ['T', 8]), sized(8)], ([x, residual, scale]) => {
      const { sum, normed } = g.addedRmsNormalisation(x, g.multiply(residual, scalar(0.7)), scale, 1e-2);
      return [sum, normed];
    }),
  ],
  RotaryEmbedding: [
    rotary('halves', 3, constant(BigInt64Array.of(2n, 0n, 2n), [1, 3])),
    rotary('neighbours', 3, constant(BigInt64Array.of(1n, 0n, 2n), [1, 3])),
    rotary('halves', 'L', integers(0)),
  ],
  GroupQueryAttention: [attention(0), attention(5)],
  MatMulInteger: 'none',
  MatMulIntegerToFloat: 'none',
  QuantizeLinear: 'none',
  DequantizeLinear: 'none',
  DynamicQuantizeLinear: 'none',
};

const typesIn = (values: readonly Value[]): Set<string> =>
  new Set(operationsInOrder(values).map(({ type }) => type));
const withGradient = Object.entries(checks).flatMap(([type, own]) =>
  own === 'none' ? [] : own.map((check, i) => [type as OperationType, i, check] as const),
);

describe('gradients', () => {
  it('have a check for every operator, and none for one without a gradient', () => {
    expect(Object.keys(checks).sort()).toEqual(Object.keys(gradients).sort());
    for (const [type, gradient] of Object.entries(gradients)) {
      const hasGradient = typeof gradient === 'function' || gradient === 'decomposed';
      expect([type, checks[type as OperationType] !== 'none']).toEqual([type, hasGradient]);
    }
  });

  it.each(withGradient)('of %s are what central differences give (%i)', async (type, _i, check) => {
    const inputs = check.inputs.map(({ lengths, axes = lengths }, i) => input(`x${i}`, 'float32', axes));
    const made = check.make(inputs);
    expect(typesIn(Array.isArray(made) ? made : [made])).toContain(type);
    const { computed, differences } = await checkedGradients(check);
    // Half precision rounds to 2^-11 of a number up to 1: over a step of 1/64 that is up to .03.
    const atol = type === 'Cast' ? 0.07 : 4e-4;
    computed.forEach((gradient, i) => {
      assertAllClose(gradient, differences[i]!, { rtol: 1e-3, atol });
    });
  });
});

describe('decompositions', () => {
  it.each(withGradient.filter(([type]) => type in decompositions))(
    'of %s give what the operator gives (%i)',
    async (_type, _i, { inputs, make }) => {
      const values = inputs.map(({ lengths }) => {
        const count = lengths.reduce((all, n) => all * n, 1);
        return constant(
          Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7) * 1.5),
          lengths,
        );
      });
      const made = make(values);
      const outputs = (Array.isArray(made) ? (made as Value[]) : [made as Value]).flatMap((each) =>
        outputsOf(each),
      );
      const primitives = toPrimitives(outputs);
      expect([...typesIn(primitives)].filter((type) => type in decompositions)).toEqual([]);
      const names = outputs.map((_, i) => i);
      const session = await openGraph({
        ...Object.fromEntries(names.map((i) => [`fused${i}`, outputs[i]!])),
        ...Object.fromEntries(names.map((i) => [`primitive${i}`, primitives[i]!])),
      });
      const answer = await session.run(
        {},
        names.flatMap((i) => [`fused${i}`, `primitive${i}`]),
      );
      await session.release();
      for (const i of names) {
        const [fused, primitive] = [answer[`fused${i}`]!, answer[`primitive${i}`]!];
        expect(primitive.shape).toEqual(fused.shape);
        // Sums of up to 32 products in another order.
        assertAllClose(primitive.data as Float32Array, fused.data as Float32Array, {
          rtol: 1e-5,
          atol: 2e-6,
        });
      }
    },
  );

  it('leave primitives as they are', () => {
    const y = g.add(g.softmax(input('x', 'float32', ['N', 3])), scalar(1));
    expect(toPrimitives([y])[0]!.origin).toBe(y.origin);
    const [fused] = toPrimitives([g.silu(y)]);
    expect(toPrimitives([fused!])[0]!.origin).toBe(fused!.origin);
  });
});

const x = input('x', 'float32', ['N', 3]);
const sumOf = (value: Value): Value =>
  g.sumOver(
    value,
    value.shape.map((_, axis) => axis),
    { keeps: false },
  );
async function evaluate(value: Value, feed: number[]): Promise<number[]> {
  const session = await openGraph({ y: value });
  const data = Float32Array.from(feed);
  const feeds = session.inputs.has('x')
    ? { x: { type: 'float32', shape: [feed.length / 3, 3], data } as const }
    : {};
  const { y } = await session.run(feeds, ['y']);
  await session.release();
  return Array.from(y!.data as Float32Array);
}

describe('gradientsOf', () => {
  it('takes each shared value back once, whatever reads it', async () => {
    let shared: Value = x;
    for (let i = 0; i < 40; i += 1) shared = g.multiply(g.add(shared, shared), scalar(0.5));
    const [gradient] = gradientsOf(sumOf(shared), [x]);
    // A walk along every path would have 2^40 ends.
    expect(operationsInOrder([gradient!]).length).toBeLessThan(200);
    expect(await evaluate(gradient!, [1, 2, 3])).toEqual([1, 1, 1]);
  });

  it('goes through a chain of 20,000 operations', () => {
    let y: Value = x;
    for (let i = 0; i < 20_000; i += 1) y = g.sigmoid(y);
    const [gradient] = gradientsOf(sumOf(y), [x]);
    // Each sigmoid, and on the way back four operations for it.
    expect(operationsInOrder([gradient!]).length).toBeGreaterThan(80_000);
  });

  it('knows an input by its name, and gives gradients by values in between', async () => {
    const doubled = g.multiply(x, scalar(2));
    const loss = sumOf(g.multiply(doubled, doubled));
    const [byInput, byDoubled] = gradientsOf(loss, [input('x', 'float32', ['N', 3]), doubled]);
    expect(await evaluate(byInput!, [1, 2, 3])).toEqual([8, 16, 24]);
    expect(await evaluate(byDoubled!, [1, 2, 3])).toEqual([4, 8, 12]);
  });

  it('of a GELU far from 0 is 0 or 1, though an exponential within is too large for its type', async () => {
    const [gradient] = gradientsOf(sumOf(g.gelu(x)), [x]);
    const slopes = await evaluate(gradient!, [-1e15, -40, 0, 5, 40, 1e15]);
    assertAllClose(Float32Array.from(slopes), Float32Array.of(0, 0, 0.5, 1.0000072, 1, 1), {
      rtol: 0,
      atol: 1e-6,
    });
  });

  it('shares a forward pass of primitives with the loss', () => {
    const [loss] = toPrimitives([sumOf(g.silu(x))]);
    const [gradient] = gradientsOf(loss!, [x]);
    const sigmoids = operationsInOrder([loss!, gradient!]).filter(({ type }) => type === 'Sigmoid');
    expect(sigmoids).toHaveLength(1);
  });

  it.each([
    ['Round', (v: Value): Value => g.round(v)],
    ['Greater', (v: Value): Value => g.cast(g.isGreater(v, scalar(0)), 'float32')],
    ['Cast', (v: Value): Value => g.cast(g.cast(v, 'int32'), 'float32')],
    [
      'MatMulInteger',
      (v: Value): Value => {
        const bytes = constant(new Uint8Array(9), [3, 3]);
        const zero = constant(Uint8Array.of(0), []);
        return g.cast(g.matmulInteger(g.cast(v, 'uint8'), bytes, zero), 'float32');
      },
    ],
    ['DequantizeLinear', (v: Value): Value => g.dequantise(constant(new Uint8Array(3), [3]), sumOf(v))],
    ['DynamicQuantizeLinear', (v: Value): Value => g.dynamicQuantise(v).scale],
  ] as const)('refuses a gradient through %s, by name', (type, make) => {
    expect(() => gradientsOf(sumOf(make(x)), [x])).toThrow(
      new RegExp(`gradientsOf: expected operators with a gradient, got ${type}: `),
    );
  });

  it('takes detached numbers as constants, with what is computed of them', async () => {
    const chosen = g.cast(g.isGreater(g.detached(x), scalar(1.5)), 'float32');
    const [gradient] = gradientsOf(sumOf(g.multiply(g.multiply(x, g.detached(x)), chosen)), [x]);
    expect(await evaluate(gradient!, [1, 2, 3])).toEqual([0, 2, 3]);
    expect(() => gradientsOf(sumOf(g.detached(x)), [x])).toThrow('expected a loss that depends on "x"');
  });

  it('does not ask for gradients that nobody wants', async () => {
    const frozen = g.dequantise(
      constant(Int8Array.of(1, 2, 3), [3]),
      constant(Float32Array.of(1, 1, 1), [3]),
    );
    const [gradient] = gradientsOf(sumOf(g.multiply(x, frozen)), [x]);
    expect(await evaluate(gradient!, [5, 5, 5])).toEqual([1, 2, 3]);
  });

  it.each([
    [
      'a loss of more than one number',
      () => gradientsOf(x, [x]),
      /expected a loss float32\[\], got float32\[N, 3\]/,
    ],
    [
      'an input that the loss does not read',
      () => gradientsOf(sumOf(x), [input('y', 'float32', [])]),
      /depends on "y"/,
    ],
    ['a value that the loss does not read', () => gradientsOf(sumOf(x), [g.gelu(x)]), /depends on/],
    [
      'a kept value of another graph',
      () => gradientsOf(sumOf(x), [x], { kept: [g.absolute(x)] }),
      /expected kept values/,
    ],
  ])('refuses %s', (_name, make, message) => {
    expect(make).toThrow(RangeError);
    expect(make).toThrow(message);
  });
});
