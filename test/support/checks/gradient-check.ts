/** Gradients of a graph against central differences of what the runtime computes forward. */
import { gradientsOf } from '../../../engine/graph/gradients/gradients-of.ts';
import { toOnnx } from '../../../engine/graph/onnx.ts';
import * as g from '../../../engine/graph/operations/index.ts';
import type { TensorValue } from '../../../engine/graph/tensor.ts';
import { type Axis, input, type Value } from '../../../engine/graph/value.ts';
import { type GraphSession, openSession } from '../../../engine/session/runtime.ts';

/** One input of a checked function. */
export interface CheckedInput {
  /** Lengths, row-major. */
  readonly lengths: readonly number[];
  /** Axes as the graph knows them. @defaultValue the lengths */
  readonly axes?: readonly Axis[];
  /** Where its numbers lie. @defaultValue from -1 to 1 */
  readonly between?: readonly [number, number];
}

/** A function from inputs to one or more values. */
export interface GradientCheck {
  readonly inputs: readonly CheckedInput[];
  readonly make: (inputs: readonly Value[]) => Value | readonly Value[];
}

/** Numbers of a fixed sequence, at least 1/40 of their range apart up to 40 of them, so that no step crosses a tie. */
export function spread(count: number, [low, high]: readonly [number, number] = [-1, 1]): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    const place = ((i * 17 + 5) % 40) / 40 + 1 / 80 + ((i / 40) % 1) / 400;
    return low + (high - low) * place;
  });
}

const product = (lengths: readonly number[]): number => lengths.reduce((all, n) => all * n, 1);

/** Opens a graph on the processor. */
export const openGraph = (outputs: Readonly<Record<string, Value>>): Promise<GraphSession> =>
  openSession(toOnnx(outputs), { folder: '.', threads: 1, prepack: false });

/** The sum of everything in some values, each element times a number of its own; float32 `[]`. */
export function weightedSum(values: readonly Value[], weights: readonly Value[]): Value {
  const sums = values.map((value, i) => {
    const axes = value.shape.map((_, axis) => axis);
    const weighted = g.multiply(value, weights[i]!);
    return axes.length === 0 ? weighted : g.sumOver(weighted, axes, { keeps: false });
  });
  return sums.reduce((sum, each) => g.add(sum, each));
}

/** A step of 1/128 is exact in float32: what remains is `h²/6` of the third derivative, and rounding of 1e-7 over 1/64. */
const step = 1 / 128;

/** Gradients of a weighted sum of all outputs: as the graph computes them, and as differences do. */
export async function checkedGradients(
  check: GradientCheck,
): Promise<{ readonly computed: Float32Array[]; readonly differences: Float64Array[] }> {
  const inputs = check.inputs.map(({ lengths, axes = lengths }, i) => input(`x${i}`, 'float32', axes));
  const made = check.make(inputs);
  const outputs = Array.isArray(made) ? (made as readonly Value[]) : [made as Value];
  const feeds = Object.fromEntries(
    check.inputs.map(({ lengths, between }, i) => [
      `x${i}`,
      { type: 'float32', shape: lengths, data: spread(product(lengths), between) } as const,
    ]),
  );
  const forward = await openGraph(Object.fromEntries(outputs.map((value, i) => [`y${i}`, value])));
  const names = outputs.map((_, i) => `y${i}`);
  const first = await forward.run(feeds, names);
  const weights = Object.fromEntries(
    names.map((name, i) => {
      const { shape, data } = first[name]!;
      return [`w${i}`, { type: 'float32', shape, data: spread(data.length, [0.5, -1.5]) } as const];
    }),
  );
  const loss = weightedSum(
    outputs,
    outputs.map(({ shape }, i) => input(`w${i}`, 'float32', shape)),
  );
  const graph = Object.fromEntries(gradientsOf(loss, inputs).map((value, i) => [`d${i}`, value]));
  const backward = await openGraph(graph);
  const all: Record<string, TensorValue> = { ...feeds, ...weights };
  const fed = Object.fromEntries(Object.entries(all).filter(([name]) => backward.inputs.has(name)));
  const answer = await backward.run(fed, Object.keys(graph));
  const lossAt = async (): Promise<number> => {
    const ys = await forward.run(feeds, names);
    return names.reduce((sum, name, i) => sum + dot(ys[name]!.data, weights[`w${i}`]!.data), 0);
  };
  const differences: Float64Array[] = [];
  for (const { data } of Object.values(feeds)) differences.push(await centralDifferences(data, lossAt));
  await Promise.all([forward.release(), backward.release()]);
  return { computed: inputs.map((_, i) => answer[`d${i}`]!.data as Float32Array), differences };
}

async function centralDifferences(data: Float32Array, lossAt: () => Promise<number>): Promise<Float64Array> {
  const differences = new Float64Array(data.length);
  for (const [i, value] of data.entries()) {
    data[i] = value + step;
    const [above, up] = [data[i], await lossAt()];
    data[i] = value - step;
    const [below, down] = [data[i], await lossAt()];
    data[i] = value;
    differences[i] = (up - down) / (above - below);
  }
  return differences;
}

const dot = (a: TensorValue['data'], b: Float32Array): number =>
  b.reduce((sum, value, i) => sum + Number(a[i]) * value, 0);
