/** The matrix products of a graph and nothing else: what the arithmetic of a training step alone costs. */
import { type AxisLengths, lengthOfAxis } from '../../engine/graph/live-bytes.ts';
import { toOnnx } from '../../engine/graph/onnx.ts';
import * as g from '../../engine/graph/operations/index.ts';
import { operationsInOrder } from '../../engine/graph/order.ts';
import type { TensorValue } from '../../engine/graph/tensor.ts';
import { input, type Operation, type Value } from '../../engine/graph/value.ts';
import { ValueMap } from '../../engine/graph/value-map.ts';
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
  const products = productsOf(Object.values(outputs));
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
      return { value: input(name, 'float32', shape), isTurned };
    }) as [Factor, Factor];
    const y = productOf(product, a, b);
    const inner = a.value.shape.at(a.isTurned ? -2 : -1);
    multiplications += countOf(y.shape as number[]) * Number(inner);
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

/** The products of a graph. Those of the same factors are one: the runtime computes them once. */
function productsOf(outputs: readonly Value[]): Operation[] {
  const known = new ValueMap<ValueMap<true>>();
  return operationsInOrder(outputs).filter((operation) => {
    if (!isProduct(operation)) return false;
    const [a, b] = operation.inputs as readonly [Value, Value];
    const others = known.get(a) ?? new ValueMap<true>();
    known.set(a, others);
    const isNew = operation.type === 'Gemm' || !others.has(b);
    others.set(b, true);
    return isNew;
  });
}

/** Whether an operation is a product. With a factor of one row or column it is a sum, which the step does on top of its products. */
const isProduct = ({ type, inputs: [a, b] }: Operation): boolean =>
  type === 'Gemm' || (type === 'MatMul' && a!.shape.at(-2) !== 1 && b!.shape.at(-1) !== 1);

/** A factor of a product as it lies in memory. */
interface Factor {
  readonly value: Value;
  /** Whether the product reads it with its last two axes swapped. */
  readonly isTurned: boolean;
}

function factorsOf(operation: Operation): Factor[] {
  const [a, b] = operation.inputs as readonly [Value, Value];
  if (operation.type === 'Gemm') {
    const { turnsFirst, turnsSecond } = g.productOptions(operation);
    return [
      { value: a, isTurned: turnsFirst },
      { value: b, isTurned: turnsSecond },
    ];
  }
  return [a, b].map((value) => {
    const turned = g.turnedFrom(value);
    return { value: turned ?? value, isTurned: turned !== undefined };
  });
}

/** The same operator over other factors, without what it adds. */
function productOf({ type }: Operation, a: Factor, b: Factor): Value {
  if (type === 'Gemm')
    return g.product(a.value, b.value, { turnsFirst: a.isTurned, turnsSecond: b.isTurned });
  const [x, y] = [a, b].map(({ value, isTurned }) => (isTurned ? g.turned(value) : value));
  return g.matmul(x!, y!);
}

const lengthsOf = ({ shape }: Value, lengths: AxisLengths): number[] =>
  shape.map((axis) => lengthOfAxis(axis, lengths));

const countOf = (shape: readonly number[]): number => shape.reduce((product, axis) => product * axis, 1);
