/**
 * The most bytes of intermediate results that a graph holds at once, counted: every operation is walked in the order that
 * a file has it, takes its outputs, and lets go of what nobody reads any more. Weights, constants and what is fed are
 * not counted; a new shape of the same elements takes nothing.
 */
import { bytesOf, type Operation, type Value } from '../../../engine/graph/value.ts';

/** Lengths of the axes by name. */
export type AxisLengths = Readonly<Record<string, number>>;

function lengthOf(axis: number | string, lengths: AxisLengths): number {
  if (typeof axis === 'number') return axis;
  const product = (text: string): number =>
    text.split('·').reduce((all, each) => {
      const length = Number.isNaN(Number(each)) ? lengths[each] : Number(each);
      if (length === undefined) throw new RangeError(`liveBytes: expected a length of "${each}" (${axis}).`);
      return all * length;
    }, 1);
  return axis.split('+').reduce((sum, each) => sum + product(each), 0);
}

const isView = ({ type }: Operation): boolean => type === 'Reshape' || type === 'Unsqueeze';

function inOrder(outputs: readonly Value[]): Operation[] {
  const seen = new Set<Operation>();
  const order: Operation[] = [];
  const walk = ({ origin }: Value): void => {
    if (origin.kind !== 'operation' || seen.has(origin.operation)) return;
    seen.add(origin.operation);
    for (const each of origin.operation.inputs) if (each) walk(each);
    order.push(origin.operation);
  };
  outputs.forEach(walk);
  return order;
}

/** What holds a value's elements: an output of an operation, or for a view what it looks at. */
function holderOf(value: Value): string | undefined {
  const { origin } = value;
  if (origin.kind !== 'operation') return undefined;
  const { operation, output } = origin;
  return isView(operation) ? holderOf(operation.inputs[0]!) : `${numberOf(operation)}.${output}`;
}

const numbers = new WeakMap<Operation, number>();
let counted = 0;
function numberOf(operation: Operation): number {
  const known = numbers.get(operation) ?? counted++;
  numbers.set(operation, known);
  return known;
}

/** See the file's header. */
export function liveBytes(outputs: readonly Value[], lengths: AxisLengths): number {
  const order = inOrder(outputs);
  const readers = new Map<string, number>();
  const count = (value: Value | undefined, by: number): string | undefined => {
    const held = value && holderOf(value);
    if (held) readers.set(held, (readers.get(held) ?? 0) + by);
    return held;
  };
  for (const { inputs } of order) for (const each of inputs) count(each, 1);
  for (const each of outputs) count(each, 1);
  const live = new Map<string, number>();
  let now = 0;
  let most = 0;
  const release = (held: string | undefined): void => {
    if (!held || (readers.get(held) ?? 0) > 0) return;
    now -= live.get(held) ?? 0;
    live.delete(held);
  };
  for (const operation of order) {
    const given = isView(operation) ? [] : operation.forms.entries();
    const held: string[] = [];
    for (const [output, form] of given) {
      if (!form) continue;
      const bytes = form.shape.reduce<number>(
        (all, axis) => all * lengthOf(axis, lengths),
        bytesOf[form.type],
      );
      const name = `${numberOf(operation)}.${output}`;
      live.set(name, bytes);
      now += bytes;
      held.push(name);
    }
    most = Math.max(most, now);
    for (const each of operation.inputs) release(count(each, -1));
    held.forEach(release);
  }
  return most;
}
