import { describe, expect, it } from 'vitest';
import { toOnnx } from '../../../engine/graph/onnx.ts';
import { cast } from '../../../engine/graph/operations/elementwise.ts';
import { matmulIntegerToFloat } from '../../../engine/graph/operations/quantised.ts';
import { constant, input } from '../../../engine/graph/value.ts';
import { areIntegerProductsExact } from '../../../engine/session/integer-products.ts';
import { openSession } from '../../../engine/session/runtime.ts';

const [rows, depth, columns] = [7, 384, 96];
const next = (() => {
  let state = 7;
  return (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
})();
const factor = Int32Array.from({ length: rows * depth }, () => next(256));
const weights = Int8Array.from({ length: depth * columns }, () => next(255) - 127);

async function product(keepsSignedIntegers: boolean): Promise<number[]> {
  const graph = matmulIntegerToFloat(
    cast(input('factor', 'int32', ['rows', depth]), 'uint8'),
    constant(weights, [depth, columns]),
    constant(new Float32Array(columns).fill(1), [columns]),
    constant(Uint8Array.of(128), []),
  );
  const options = { folder: '.', threads: 1, prepack: true, keepsSignedIntegers };
  const session = await openSession(toOnnx({ graph }), options);
  const answer = await session.run({ factor: { type: 'int32', shape: [rows, depth], data: factor } }, [
    'graph',
  ]);
  await session.release();
  return [...(answer['graph']!.data as Float32Array)];
}

const expected = Array.from({ length: rows * columns }, (_, at) => {
  const [row, column] = [Math.floor(at / columns), at % columns];
  return Array.from(
    { length: depth },
    (_value, k) => (factor[row * depth + k]! - 128) * weights[k * columns + column]!,
  ).reduce((sum, each) => sum + each, 0);
});

describe('products of 8-bit integers', () => {
  it('are exact with unsigned weights on every processor', async () => {
    expect(await product(false)).toEqual(expected);
  });

  it('are exact with signed weights where the processor is said to have them', async () => {
    const isSaid = await areIntegerProductsExact();
    const isRight = (await product(true)).every((sum, i) => sum === expected[i]);
    if (isSaid) expect(isRight).toBe(true);
    else expect(await product(false)).toEqual(expected);
  });
});
