/** What a graph is fed, and what the shapes of its feeds say of its axes. */
import type { AxisLengths } from '../../graph/live-bytes.ts';
import { operationsInOrder } from '../../graph/order.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import type { Value } from '../../graph/value.ts';

/** Inputs that some values depend on, by name. */
export function graphInputs(outputs: readonly Value[]): ReadonlyMap<string, Value> {
  const read = [...outputs, ...operationsInOrder(outputs).flatMap(({ inputs }) => inputs)];
  return new Map(
    read.flatMap((value) => (value?.origin.kind === 'input' ? [[value.origin.name, value] as const] : [])),
  );
}

/** Those feeds that a graph reads. @throws TypeError naming every input that nothing feeds. */
export function feedsOf(
  inputs: ReadonlyMap<string, Value>,
  feeds: Readonly<Record<string, TensorValue>>,
): Record<string, TensorValue> {
  const missing = [...inputs.keys()].filter((name) => !Object.hasOwn(feeds, name));
  if (missing.length > 0)
    throw new TypeError(`feedsOf: expected a feed for ${missing.join(', ')}, got none.`);
  return Object.fromEntries([...inputs.keys()].map((name) => [name, feeds[name]!]));
}

/**
 * Lengths of a graph's axes that have names, from the shapes of its feeds.
 *
 * @throws RangeError when a feed has another number of axes, or two feeds another length of one axis.
 */
export function axisLengths(
  inputs: ReadonlyMap<string, Value>,
  feeds: Readonly<Record<string, TensorValue>>,
): AxisLengths {
  const lengths: Record<string, number> = {};
  for (const [name, { shape }] of inputs) {
    const fed = feeds[name]!.shape;
    for (const [i, axis] of shape.entries()) if (typeof axis === 'string') lengths[axis] ??= fed[i] ?? 0;
    const known = shape.map((axis) => (typeof axis === 'number' ? axis : lengths[axis]!));
    if (fed.length !== shape.length || known.some((length, i) => length !== fed[i])) {
      const axes = shape.map((axis, i) => (typeof axis === 'number' ? axis : `${axis} = ${known[i]}`));
      throw new RangeError(
        `axisLengths: expected "${name}" of shape [${axes.join(', ')}], got [${fed.join(', ')}].`,
      );
    }
  }
  return lengths;
}
