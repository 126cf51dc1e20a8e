/** How much memory a graph takes, counted before it runs. */
import { operationsInOrder } from './order.ts';
import { type Axis, bytesOf, type Form, type Operation, type Value } from './value.ts';
import { ValueMap } from './value-map.ts';

/** Lengths of axes by name. */
export type AxisLengths = Readonly<Record<string, number>>;

/**
 * The length of an axis: of one with a name, what is given for it, or what its name says of others (`N·L`, `P+L`).
 *
 * @throws RangeError when a name that it needs has no length.
 */
export function lengthOfAxis(axis: Axis, lengths: AxisLengths): number {
  if (typeof axis === 'number') return axis;
  const known = lengths[axis];
  if (known !== undefined) return known;
  const factor = (text: string): number => {
    const length = lengths[text] ?? Number(text);
    if (Number.isNaN(length))
      throw new RangeError(`liveBytes: expected a length of the axis "${text}", got none.`);
    return length;
  };
  const product = (text: string): number => text.split('·').reduce((all, each) => all * factor(each), 1);
  return axis.split('+').reduce((sum, each) => sum + product(each), 0);
}

const isView = ({ type }: Operation): boolean => type === 'Reshape' || type === 'Unsqueeze';

/**
 * The most bytes of results that a graph holds at once: its operations run in the order in which `toOnnx` writes them,
 * each takes its outputs and lets go of what no later one reads. Outputs of the graph stay to the end. What is fed,
 * constants and tensors in files are not counted; a new shape of the same elements takes nothing.
 *
 * @throws RangeError when an axis has no length.
 */
export function liveBytes(outputs: readonly Value[], lengths: AxisLengths): number {
  const order = operationsInOrder(outputs);
  const holders = holdersOf(order);
  const readers = new ValueMap<number>();
  const count = (value: Value | undefined, by: number): void => {
    const holder = value && (holders.get(value) ?? value);
    if (holder?.origin.kind === 'operation') readers.set(holder, (readers.get(holder) ?? 0) + by);
  };
  for (const { inputs } of order) for (const each of inputs) count(each, 1);
  for (const each of outputs) count(each, 1);
  const bytes = (form: Form): number =>
    form.shape.reduce<number>((all, axis) => all * lengthOfAxis(axis, lengths), bytesOf[form.type]);
  let now = 0;
  let most = 0;
  for (const operation of order) {
    const given = isView(operation) ? [] : outputsOf(operation);
    for (const value of given) now += bytes(value);
    most = Math.max(most, now);
    for (const each of new Set(operation.inputs.map((value) => value && (holders.get(value) ?? value)))) {
      const times = operation.inputs.filter(
        (value) => value && (holders.get(value) ?? value) === each,
      ).length;
      count(each, -times);
      if (each && readers.get(each) === 0) now -= bytes(each);
    }
    for (const value of given) if (!readers.get(value)) now -= bytes(value);
  }
  return most;
}

/** For each view, the value whose elements it looks at. */
function holdersOf(order: readonly Operation[]): ValueMap<Value> {
  const holders = new ValueMap<Value>();
  for (const operation of order) {
    const [x] = operation.inputs;
    if (!x || !isView(operation)) continue;
    for (const value of outputsOf(operation)) holders.set(value, holders.get(x) ?? x);
  }
  return holders;
}

function outputsOf(operation: Operation): Value[] {
  return operation.forms.flatMap((form, output) =>
    form ? [{ ...form, origin: { kind: 'operation', operation, output } as const }] : [],
  );
}
