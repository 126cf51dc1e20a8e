import { describe, expect, it } from 'vitest';
import { toOnnx } from '../../../engine/graph/onnx.ts';
import type { OperationType } from '../../../engine/graph/operation-types.ts';
import * as g from '../../../engine/graph/operations/index.ts';
import { outputsOf } from '../../../engine/graph/operations/operation.ts';
import { shapeRules } from '../../../engine/graph/operations/shape-rules.ts';
import { constant, input, integers, scalar, type Value } from '../../../engine/graph/value.ts';
import { openSession } from '../../../engine/session/runtime.ts';

const floats = (...shape: number[]): Value => {
  const count = shape.reduce((product, axis) => product * axis, 1);
  return constant(
    Float32Array.from({ length: count }, (_, i) => (i % 7) / 4 - 0.5),
    shape,
  );
};
const bytes = (...shape: number[]): Value =>
  constant(new Uint8Array(shape.reduce((product, axis) => product * axis, 1)).fill(3), shape);
const x = floats(2, 3);

/** One value of each type of operation, of shapes that tell the axes apart. */
const samples: Readonly<Record<OperationType, Value>> = {
  Add: g.add(floats(4, 1, 3), floats(2, 1)),
  Sub: g.subtract(x, scalar(1)),
  Mul: g.multiply(scalar(2), x),
  Div: g.divide(x, floats(2, 1)),
  Max: g.maximum(x, floats(3)),
  Abs: g.absolute(x),
  Sqrt: g.squareRoot(x),
  Exp: g.exponential(x),
  Log: g.logarithm(floats(2, 3)),
  Greater: g.isGreater(x, floats(2, 1)),
  Round: g.round(x),
  Erf: g.errorFunction(x),
  Sigmoid: g.sigmoid(x),
  Cast: g.cast(x, 'int64'),
  MatMul: g.matmul(floats(5, 1, 2, 3), floats(4, 3, 7)),
  Gemm: g.linear(x, floats(5, 3), floats(5)),
  Reshape: g.reshape(floats(2, 6), [2, 3, 2], [0, 3, -1]),
  Unsqueeze: g.unsqueeze(x, 1),
  Transpose: g.transpose(floats(2, 3, 4), [2, 0, 1]),
  Slice: g.slice(floats(2, 5), { axis: 1, start: 1, end: 4 }),
  Concat: g.concat([floats(2, 3), floats(2, 4)], 1),
  Gather: g.gather(floats(5, 3), constant(BigInt64Array.of(4n, 0n), [1, 2])),
  ScatterND: g.scatterAdd(floats(5, 3), constant(BigInt64Array.of(4n, 0n), [1, 2]), floats(1, 2, 3)),
  Expand: g.expandTo(floats(2, 1), floats(4, 2, 3)),
  Shape: g.lengthOf(floats(2, 5), 1),
  Identity: g.detached(x),
  ReduceSum: g.sumLast(floats(4, 2, 3)),
  ReduceMax: g.maxLast(floats(4, 2, 3)),
  CumSum: g.runningSum(x),
  Softmax: g.softmax(x),
  Gelu: g.gelu(x),
  LayerNormalization: g.layerNormalisation(x, floats(3), floats(3), 1e-6),
  SimplifiedLayerNormalization: g.rmsNormalisation(x, floats(3), 1e-6),
  RotaryEmbedding: g.rotaryEmbedding(
    floats(1, 2, 8),
    constant(BigInt64Array.of(1n, 0n), [1, 2]),
    { cos: floats(2, 2), sin: floats(2, 2) },
    { heads: 2, pairs: 'halves' },
  ),
  SkipSimplifiedLayerNormalization: g.addedRmsNormalisation(x, floats(2, 3), floats(3), 1e-6).normed,
  QuickGelu: g.silu(x),
  GroupQueryAttention: g.groupQueryAttention(
    {
      query: floats(1, 3, 32),
      key: floats(1, 3, 16),
      value: floats(1, 3, 16),
      past: { keys: floats(1, 2, 5, 8), values: floats(1, 2, 5, 8) },
      lastPlaces: constant(Int32Array.of(7), [1]),
      longest: constant(Int32Array.of(8), []),
    },
    { heads: 4, keyValueHeads: 2, scale: 1 },
  ),
  MatMulInteger: g.matmulInteger(bytes(4, 2, 3), bytes(3, 5), constant(Uint8Array.of(1), [])),
  MatMulIntegerToFloat: g.matmulIntegerToFloat(
    bytes(4, 2, 3),
    constant(new Int8Array(15).fill(2), [3, 5]),
    floats(5),
    constant(Uint8Array.of(1), []),
  ),
  QuantizeLinear: g.quantiseRows(x, floats(2), bytes(2)),
  DequantizeLinear: g.dequantise(bytes(2, 3), floats(2)),
  DynamicQuantizeLinear: g.dynamicQuantise(x).integers,
};

describe('shapeRules', () => {
  it.each(Object.keys(shapeRules) as OperationType[])(
    'say of %s the types and shapes that the runtime gives',
    async (type) => {
      const outputs = outputsOf(samples[type]);
      const { origin } = samples[type];
      expect(origin.kind === 'operation' && origin.operation.type).toBe(type);
      const named = Object.fromEntries(outputs.map((value, i) => [`y${i}`, value]));
      const session = await openSession(toOnnx(named), { folder: '.', threads: 1, prepack: false });
      const answer = await session.run({}, Object.keys(named));
      await session.release();
      expect(Object.values(answer).map(({ type: is, shape }) => ({ type: is, shape }))).toEqual(
        outputs.map(({ type: is, shape }) => ({ type: is, shape })),
      );
    },
  );

  it('give a new length to the one axis that the caller names', () => {
    const cut = g.sliceTo(input('x', 'float32', ['N', 4]), {
      axis: 0,
      start: integers(0),
      end: input('end', 'int64', [1]),
      length: 'M',
    });
    expect(cut.shape).toEqual(['M', 4]);
    expect(g.concat([cut, cut], 0).shape).toEqual(['M+M', 4]);
    expect(g.concat([cut, cut], 0, 'P').shape).toEqual(['P', 4]);
    expect(g.concat([cut, cut], 1, 'P').shape).toEqual(['M', 8]);
  });

  it.each([
    ['reshape to another number of elements', () => g.reshape(x, [2, 4], [2, 4])],
    ['expand to a shape that does not take it', () => g.expand(x, [3, 2], integers(3, 2))],
    ['a sum over an axis that there is not', () => g.sumOver(x, [5], { keeps: true })],
    ['rows that are not one an id', () => g.scatterAdd(floats(5, 3), integers(1, 2), floats(1, 3))],
    ['a residual of another form', () => g.addedRmsNormalisation(x, floats(3, 2), floats(3), 1e-6)],
    [
      'attention whose heads do not divide',
      () => {
        const none = constant(Int32Array.of(0), [1]);
        const [query, key] = [floats(1, 3, 30), floats(1, 3, 16)];
        const form = { heads: 4, keyValueHeads: 2, scale: 1 };
        return g.groupQueryAttention({ query, key, value: key, lastPlaces: none, longest: none }, form);
      },
    ],
    ['dynamicQuantise of integers', () => g.dynamicQuantise(bytes(2))],
    ['quantiseRows with another number of scales', () => g.quantiseRows(x, floats(3), bytes(2))],
    [
      'matmulIntegerToFloat of other inner lengths',
      () => g.matmulIntegerToFloat(bytes(2, 3), bytes(4, 5), floats(5), constant(Uint8Array.of(1), [])),
    ],
    ['cast to a type that is none', () => g.cast(x, 'float128' as 'float32')],
  ])('refuse what does not fit: %s', (_name, make) => {
    expect(make).toThrow(RangeError);
  });
});

describe('dynamicQuantise', () => {
  it('gives integers, scale and zero that make the numbers again', async () => {
    const { integers: steps, scale, zero } = g.dynamicQuantise(x);
    const again = g.multiply(g.subtract(g.cast(steps, 'float32'), g.cast(zero, 'float32')), scale);
    const session = await openSession(toOnnx({ x, again }), { folder: '.', threads: 1, prepack: false });
    const answer = await session.run({}, ['x', 'again']);
    await session.release();
    const [before, after] = [answer['x']!, answer['again']!].map(({ data }) => [...data].map(Number));
    // 255 steps over the range from -.5 to .75: half a step is .0025.
    before!.forEach((value, i) => {
      expect(Math.abs(value - after![i]!)).toBeLessThan(0.0026);
    });
  });
});
