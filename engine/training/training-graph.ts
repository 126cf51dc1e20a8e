/** One graph of a training step: losses and gradients, with one forward pass. */
import { toPrimitives } from '../graph/decompositions/decompositions.ts';
import { gradientsOf } from '../graph/gradients/gradients-of.ts';
import { type AxisLengths, liveBytes } from '../graph/live-bytes.ts';
import { operationOf, operationsInOrder } from '../graph/order.ts';
import { bytesOf, type Operation, type Value } from '../graph/value.ts';

/** What a training step computes. */
export interface TrainingStep {
  /** What is made smaller, float32 `[]`. */
  readonly loss: Value;
  /** What else is read after a step, such as the parts of the loss, by name. @defaultValue nothing */
  readonly others?: Readonly<Record<string, Value>>;
  /** What is trained: inputs by name. */
  readonly parameters: Readonly<Record<string, Value>>;
  /** See `GradientOptions`. @defaultValue none */
  readonly kept?: readonly Value[];
}

/** Name of a parameter's gradient among the outputs of a training graph. */
export const gradientOf = (parameter: string): string => `gradient.${parameter}`;

/**
 * Outputs of a step's graph: `loss`, the others, and a gradient a parameter, made of primitives, so that every execution
 * provider runs them. Gradients stand in the order in which the way back reaches them, so that none waits for another.
 *
 * @throws RangeError see `gradientsOf`.
 */
export function trainingGraph({
  loss,
  others = {},
  parameters,
  kept = [],
}: TrainingStep): Record<string, Value> {
  const otherNames = Object.keys(others);
  const [root, ...rest] = toPrimitives([loss, ...Object.values(others), ...kept]) as readonly [
    Value,
    ...Value[],
  ];
  const names = Object.keys(parameters);
  const gradients = gradientsOf(root, Object.values(parameters), { kept: rest.slice(otherNames.length) });
  const depths = depthsOf(gradients);
  const depthOf = (value: Value): number => depths.get(operationOf(value)!) ?? 0;
  const sorted = names
    .map((name, i) => [gradientOf(name), gradients[i]!] as const)
    .sort(([, a], [, b]) => depthOf(a) - depthOf(b));
  return {
    loss: root,
    ...Object.fromEntries(otherNames.map((name, i) => [name, rest[i]!])),
    ...Object.fromEntries(sorted),
  };
}

/** How many operations stand before each one on the longest way. */
function depthsOf(values: readonly Value[]): ReadonlyMap<Operation, number> {
  const depths = new Map<Operation, number>();
  for (const operation of operationsInOrder(values)) {
    const before = operation.inputs.map((each) => (each && depths.get(operationOf(each)!)) ?? 0);
    depths.set(operation, Math.max(0, ...before) + 1);
  }
  return depths;
}

/** Memory of a training step. */
export interface TrainingBytes {
  /** Results at the moment when most of them are held, gradients among them. */
  readonly results: number;
  /** The parameters themselves. */
  readonly parameters: number;
}

/**
 * What a training graph takes before it runs: see `liveBytes`.
 *
 * @param lengths - Lengths of the axes that have names.
 */
export function trainingBytes(step: TrainingStep, lengths: AxisLengths): TrainingBytes {
  const parameters = Object.values(step.parameters).reduce(
    (sum, { type, shape }) => sum + shape.reduce<number>((all, axis) => all * Number(axis), bytesOf[type]),
    0,
  );
  return { results: liveBytes(Object.values(trainingGraph(step)), lengths), parameters };
}
