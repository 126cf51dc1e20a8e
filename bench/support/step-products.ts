/** The matrix products of a graph and nothing else: what the arithmetic of a training step alone costs. */
import { type AxisLengths, lengthOfAxis } from '../../engine/graph/live-bytes.ts';
import { toOnnx } from '../../engine/graph/onnx.ts';
import * as g from '../../engine/graph/operations/index.ts';
import { operationsInOrder } from '../../engine/graph/order.ts';
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
 * Opens the products of a graph: the same shapes in the same order, each over numbers of its own, laid out as it reads them.
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
  const largest = new Float32Array(
    Math.max(...products.flatMap((each) => sizesOf(each, lengths).map(countOf))),
  ).fill(0.01);
  let multiplications = 0;
  for (const [at, product] of products.entries()) {
    // Inputs of its own: the runtime computes two products of the same inputs once.
    const [a, b] = sizesOf(product, lengths).map((shape, side) => {
      const name = `${at}.${side}`;
      feeds[name] = { type: 'float32', shape, data: largest.subarray(0, countOf(shape)) };
      return input(name, 'float32', shape);
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

const isProduct = ({ type }: Operation): boolean => type === 'MatMul' || type === 'Gemm';

/** Shapes of both factors. */
function sizesOf({ inputs }: Operation, lengths: AxisLengths): number[][] {
  return inputs.slice(0, 2).map((value) => value!.shape.map((axis) => lengthOfAxis(axis, lengths)));
}

const countOf = (shape: readonly number[]): number => shape.reduce((product, axis) => product * axis, 1);
