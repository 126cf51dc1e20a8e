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
  const count = new LiveCount(order, outputs, lengths);
  for (const operation of order) count.run(operation);
  return count.most;
}

class LiveCount {
  most = 0;
  #now = 0;
  readonly #lengths: AxisLengths;
  readonly #holders: ValueMap<Value>;
  /** How often each value is still to be read. */
  readonly #readers = new ValueMap<number>();

  constructor(order: readonly Operation[], outputs: readonly Value[], lengths: AxisLengths) {
    this.#lengths = lengths;
    this.#holders = holdersOf(order);
    for (const value of [...order.flatMap(({ inputs }) => inputs), ...outputs]) this.#read(value, 1);
  }

  run(operation: Operation): void {
    const given = isView(operation) ? [] : outputsOf(operation);
    for (const value of given) this.#now += this.#bytes(value);
    this.most = Math.max(this.most, this.#now);
    for (const each of operation.inputs) {
      const holder = this.#read(each, -1);
      if (holder && this.#readers.get(holder) === 0) this.#now -= this.#bytes(holder);
    }
    for (const value of given) if (!this.#readers.has(value)) this.#now -= this.#bytes(value);
  }

  /** Counts readers of what holds a value's elements, and gives that where an operation made it. */
  #read(value: Value | undefined, by: number): Value | undefined {
    const holder = value && (this.#holders.get(value) ?? value);
    if (holder?.origin.kind !== 'operation') return undefined;
    this.#readers.set(holder, (this.#readers.get(holder) ?? 0) + by);
    return holder;
  }

  #bytes({ type, shape }: Form): number {
    return shape.reduce<number>((all, axis) => all * lengthOfAxis(axis, this.#lengths), bytesOf[type]);
  }
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
