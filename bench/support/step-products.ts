/** The matrix products of a graph and nothing else: what the arithmetic of a training step alone costs. */
import { type AxisLengths, lengthOfAxis } from '../../engine/graph/live-bytes.ts';
import { toOnnx } from '../../engine/graph/onnx.ts';
import * as g from '../../engine/graph/operations/index.ts';
import { operationOf, operationsInOrder } from '../../engine/graph/order.ts';
import type { TensorValue } from '../../engine/graph/tensor.ts';
import { input, type Operation, type Value } from '../../engine/graph/value.ts';
import { openSession } from '../../engine/session/runtime.ts';

/** Products that can be run. */
export interface StepProducts {
  /** How many there are. */
  readonly count: number;
  /** Multiplications of two numbers that they are made of. */
  readonly multiplications: number;
  /** Runs all, one after another. */
  run(): Promise<unknown>;
  /** Frees the session. */
  release(): Promise<void>;
}

/**
 * Opens the products of a graph: the same shapes in the same order, each over the numbers of its own factors, which lie where
 * those of no other value lie, as in the graph. A factor that the graph turns lies unturned here too: the runtime reads it turned
 * within the product, which is slower than to find it so.
 *
 * @param lengths - Lengths of the axes that have names.
 */
export async function openStepProducts(
  outputs: Readonly<Record<string, Value>>,
  lengths: AxisLengths,
  threads: number,
): Promise<StepProducts> {
  const products = operationsInOrder(Object.values(outputs)).filter(isProduct);
  const feeds: Record<string, TensorValue> = {};
  const results: Record<string, Value> = {};
  const numbers = new Map<Value, Float32Array>();
  const numbersOf = (value: Value, count: number): Float32Array => {
    const known = numbers.get(value) ?? new Float32Array(count).fill(0.01);
    numbers.set(value, known);
    return known;
  };
  let multiplications = 0;
  for (const [at, product] of products.entries()) {
    // Inputs of its own: the runtime computes two products of the same inputs once.
    const [a, b] = factorsOf(product).map(({ value, isTurned }, side) => {
      const name = `${at}.${side}`;
      const shape = lengthsOf(value, lengths);
      feeds[name] = { type: 'float32', shape, data: numbersOf(value, countOf(shape)) };
      const factor = input(name, 'float32', shape);
      return isTurned ? g.transpose(factor, turnOf(shape.length)) : factor;
    }) as [Value, Value];
    const y = product.type === 'Gemm' ? g.linear(a, b) : g.matmul(a, b);
    multiplications += countOf(y.shape as number[]) * Number(a.shape.at(-1));
    // One number of each is read: enough to have it computed, too little to cost.
    results[`y${at}`] = y.shape.reduce<Value>((x, _, axis) => g.slice(x, { axis, start: 0, end: 1 }), y);
  }
  const session = await openSession(toOnnx(results), { folder: '.', threads, prepack: true });
  return {
    count: products.length,
    multiplications,
    run: () => session.run(feeds, Object.keys(results)),
    release: () => session.release(),
  };
}

/** Whether an operation is a product. With a factor of one row it is a sum of rows, which the step does on top of its products. */
const isProduct = ({ type, inputs: [a] }: Operation): boolean =>
  type === 'Gemm' || (type === 'MatMul' && a!.shape.at(-2) !== 1);

/** A factor of a product as it lies in memory. */
interface Factor {
  readonly value: Value;
  /** Whether the product reads it with its last two axes swapped. */
  readonly isTurned: boolean;
}

function factorsOf({ inputs }: Operation): Factor[] {
  return inputs.slice(0, 2).map((value) => {
    const operation = operationOf(value!);
    const order = operation?.type === 'Transpose' ? (operation.attributes['perm'] as readonly number[]) : [];
    const isTurned = order.length > 1 && order.join() === turnOf(order.length).join();
    return isTurned ? { value: operation!.inputs[0]!, isTurned } : { value: value!, isTurned };
  });
}

/** Axes with the last two swapped. */
const turnOf = (axes: number): number[] => [...Array(axes - 2).keys(), axes - 1, axes - 2];

const lengthsOf = ({ shape }: Value, lengths: AxisLengths): number[] =>
  shape.map((axis) => lengthOfAxis(axis, lengths));

const countOf = (shape: readonly number[]): number => shape.reduce((product, axis) => product * axis, 1);
