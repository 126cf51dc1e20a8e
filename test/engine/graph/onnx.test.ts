import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { toOnnx } from '../../../engine/graph/onnx.ts';
import * as g from '../../../engine/graph/operations/index.ts';
import { constant, fileTensor, input, integers, scalar, type Value } from '../../../engine/graph/value.ts';
import { openSession } from '../../../engine/session/runtime.ts';

/** An independent reader of ONNX files. */
const { onnx } = createRequire(import.meta.url)('onnx-proto') as {
  onnx: {
    ModelProto: {
      decode(bytes: Uint8Array): {
        graph: {
          node: { opType: string; input: string[]; output: string[] }[];
          initializer: { name: string; externalData: { key: string; value: string }[] }[];
          input: { name: string }[];
          output: { name: string }[];
        };
      };
    };
  };
};

async function evaluate(y: Value, x?: Float32Array): Promise<number[]> {
  const session = await openSession(toOnnx({ y }), { folder: '.', threads: 1, prepack: false });
  const feeds = x ? { x: { type: 'float32' as const, shape: [2, x.length / 2], data: x } } : {};
  const { y: result } = await session.run(feeds, ['y']);
  await session.release();
  return Array.from(result!.data as Float32Array);
}
/** Every node of a graph stands behind those that it reads. */
function expectOrdered({
  node,
  input: fed,
  initializer,
}: ReturnType<typeof onnx.ModelProto.decode>['graph']): void {
  const known = new Set([...fed, ...initializer].map(({ name }) => name));
  for (const { input: reads, output } of node) {
    for (const name of reads) if (!known.has(name)) throw new Error(`${name} is read before it is there`);
    for (const name of output) known.add(name);
  }
}
const x = input('x', 'float32', [2, 'N']);
const x3 = input('x', 'float32', [2, 3]);

describe('toOnnx', () => {
  it('writes what an independent reader reads', () => {
    const weights = fileTensor(
      'w',
      { type: 'float32', shape: [4, 3] },
      { location: 'f.safetensors', offset: 96, length: 48 },
    );
    const { graph } = onnx.ModelProto.decode(toOnnx({ y: g.linear(x3, weights) }));
    expect(graph.node.map(({ opType }) => opType)).toEqual(['Gemm', 'Identity']);
    expect(graph.input.map(({ name }) => name)).toEqual(['x']);
    expect(graph.output.map(({ name }) => name)).toEqual(['y']);
    expect(
      Object.fromEntries(graph.initializer[0]!.externalData.map(({ key, value }) => [key, value])),
    ).toEqual({
      location: 'f.safetensors',
      offset: '96',
      length: '48',
    });
  });

  it('writes a value that is used twice once', () => {
    const sum = g.add(x3, scalar(1));
    const { graph } = onnx.ModelProto.decode(toOnnx({ y: g.multiply(sum, sum) }));
    expect(graph.node.filter(({ opType }) => opType === 'Add')).toHaveLength(1);
  });

  it('writes a tensor of a file once, whoever asked for it', () => {
    const form = { type: 'float32', shape: [4, 3] } as const;
    const place = { location: 'f.safetensors', offset: 96, length: 48 };
    const [one, same] = [fileTensor('w', form, place), fileTensor('w', form, place)];
    const { graph } = onnx.ModelProto.decode(toOnnx({ y: g.add(g.linear(x3, one), g.linear(x3, same)) }));
    expect(graph.initializer.map(({ name }) => name)).toEqual(['w']);
    const elsewhere = fileTensor('w', form, { ...place, offset: 0 });
    expect(() => toOnnx({ y: g.linear(x3, one), z: g.linear(x3, elsewhere) })).toThrow(
      /expected one form of tensor "w".*96.*"offset":0/,
    );
  });

  it('writes a chain of 20,000 operations, each after what it reads, and the runtime computes it', async () => {
    const one = scalar(1);
    let y: Value = x;
    for (let i = 0; i < 20_000; i += 1) y = g.add(y, one);
    expectOrdered(onnx.ModelProto.decode(toOnnx({ y })).graph);
    expect(await evaluate(y, new Float32Array(6))).toEqual(Array(6).fill(20_000));
  });

  it('writes 32 layers of 8 buckets whose results meet, in an order that a reader can follow', () => {
    const buckets = Array.from({ length: 8 }, (_, b) => input(`bucket_${b}`, 'float32', ['N', 4]));
    const square = constant(new Float32Array(16).fill(0.25), [4, 4]);
    const layer = (rows: Value): Value => {
      // About what a decoder's layer holds: 70 operations, some of which read what was made long before.
      let inner = rows;
      for (let i = 0; i < 35; i += 1) inner = g.add(g.matmul(inner, square), rows);
      return inner;
    };
    let states: readonly Value[] = buckets;
    for (let l = 0; l < 32; l += 1) {
      const first = states[0]!;
      states = states.map((rows) => g.concat([layer(rows), first], 0, 'N'));
    }
    const bytes = toOnnx({ y: g.concat(states, 0) });
    const { graph } = onnx.ModelProto.decode(bytes);
    expect(graph.node.length).toBeGreaterThan(17_000);
    expect(graph.input).toHaveLength(8);
    expectOrdered(graph);
  });

  it('refuses two inputs of one name and different forms', () => {
    const other = input('x', 'float32', [7]);
    expect(() => toOnnx({ a: g.add(x3, x3), b: g.add(other, other) })).toThrow(RangeError);
  });
});

describe('operations', () => {
  const values = Float32Array.of(1, -2, 3, 0.5, 4, -1);

  it('compute what they say', async () => {
    expect(await evaluate(g.add(x, scalar(1)), values)).toEqual([2, -1, 4, 1.5, 5, 0]);
    expect(await evaluate(g.subtract(x, scalar(1)), values)).toEqual([0, -3, 2, -0.5, 3, -2]);
    expect(await evaluate(g.maximum(x, scalar(0)), values)).toEqual([1, 0, 3, 0.5, 4, 0]);
    expect(await evaluate(g.sumLast(x), values)).toEqual([2, 3.5]);
    expect(await evaluate(g.maxLast(g.absolute(x)), values)).toEqual([3, 4]);
    expect(await evaluate(g.round(x), values)).toEqual([1, -2, 3, 0, 4, -1]);
    expect(await evaluate(g.transpose(x3, [1, 0]), values)).toEqual([1, 0.5, -2, 4, 3, -1]);
    expect(await evaluate(g.slice(x3, { axis: 1, start: 1, end: 3 }), values)).toEqual([-2, 3, 4, -1]);
    expect(await evaluate(g.concat([x3, x3], 0), values)).toEqual([...values, ...values]);
    expect(await evaluate(g.matmul(x3, constant(Float32Array.of(1, 0, 2), [3, 1])), values)).toEqual([
      7, -1.5,
    ]);
    expect(
      await evaluate(
        g.linear(x3, constant(Float32Array.of(1, 0, 2), [1, 3]), constant(Float32Array.of(10), [1])),
        values,
      ),
    ).toEqual([17, 8.5]);
    expect(await evaluate(g.reshape(x3, [3, 2], [3, 2]), values)).toEqual([...values]);
    expect(await evaluate(g.squareRoot(g.multiply(x3, x3)), values)).toEqual(Array.from(values, Math.abs));
  });

  it('normalise, soften and gate to the formulas', async () => {
    const [a, b, c] = (await evaluate(g.softmax(x3), values)).slice(0, 3);
    const sum = Math.exp(1) + Math.exp(-2) + Math.exp(3);
    expect(
      [a, b, c].map((v, i) => v! - Math.exp([1, -2, 3][i]!) / sum).every((d) => Math.abs(d) < 1e-6),
    ).toBe(true);
    const ones = constant(new Float32Array(3).fill(1), [3]);
    const zeros = constant(new Float32Array(3), [3]);
    const normal = await evaluate(g.layerNormalisation(x3, ones, zeros, 1e-12), values);
    expect(normal.slice(0, 3).reduce((total, v) => total + v, 0)).toBeCloseTo(0, 5);
    expect(normal.slice(0, 3).reduce((total, v) => total + v * v, 0)).toBeCloseTo(3, 4);
    expect((await evaluate(g.gelu(x3), values))[0]).toBeCloseTo(0.8413447, 5); // Φ(1)
  });

  it('turn integers with a scale a row into numbers', async () => {
    const matrix = constant(Int8Array.of(1, 2, -3, 4), [2, 2]);
    const numbers = g.dequantise(matrix, constant(Float32Array.of(0.5, 2), [2]));
    expect(await evaluate(g.add(numbers, g.multiply(g.sumLast(x3), scalar(0))), values)).toEqual([
      0.5, 1, -6, 8,
    ]);
  });

  it.each([
    ['add', () => g.add(x3, constant(new Float32Array(2), [2]))],
    ['add of two types', () => g.add(x3, integers(1))],
    ['matmul', () => g.matmul(x3, x3)],
    ['linear', () => g.linear(x3, constant(new Float32Array(4), [2, 2]))],
    ['layerNormalisation', () => g.layerNormalisation(x3, scalar(1), scalar(1), 1)],
    ['matmulInteger', () => g.matmulInteger(x3, x3, scalar(0))],
    ['transpose', () => g.transpose(x3, [0])],
    ['reshape', () => g.reshape(x3, [6], [3, 2])],
    ['reshapeTo', () => g.reshapeTo(x3, [6], integers(3, 2))],
    ['concat', () => g.concat([], 0)],
    ['constant', () => constant(new Float32Array(2), [3])],
    [
      'fileTensor',
      () => fileTensor('w', { type: 'float32', shape: [2] }, { location: 'f', offset: 0, length: 4 }),
    ],
  ])('refuse shapes that do not fit: %s', (_name, make) => {
    expect(make).toThrow(RangeError);
  });
});
