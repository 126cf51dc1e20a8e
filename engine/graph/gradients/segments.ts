/** Segments of a forward pass, and their second computation on the way back. */
import { withInputs } from '../decompositions/decompositions.ts';
import * as g from '../operations/index.ts';
import { operationOf } from '../order.ts';
import { integers, type Operation, scalar, times, type Value } from '../value.ts';
import { ValueMap } from '../value-map.ts';

/** What the way back reads of an operation's forward pass. */
export interface Forward {
  /** Its inputs. */
  readonly inputs: Operation['inputs'];
  /** One of its outputs. */
  readonly output: Value;
}

/**
 * Cuts operations at values that are kept. A segment's number says how many kept values stand before it on the longest
 * way. Values that go from one segment to a later one are kept too, for they live until they are read there. The first
 * segment is not computed again, for it begins with nothing that could be kept; nor is the last, whose way back begins
 * when its forward pass ends.
 */
export class Segments {
  readonly #order: readonly Operation[];
  readonly #kept = new ValueMap<true>();
  readonly #numbers = new Map<Operation, number>();
  readonly #last: number;
  /** The segment that is on its way back, computed again. */
  #again: { readonly number: number; readonly values: ValueMap<Value> } | undefined;

  constructor(order: readonly Operation[], kept: readonly Value[]) {
    this.#order = order;
    const known = new Set(order);
    for (const value of kept) {
      const operation = operationOf(value);
      if (!operation || !known.has(operation)) {
        throw new RangeError(
          'gradientsOf: expected kept values that the loss is computed from, got another.',
        );
      }
      this.#kept.set(value, true);
    }
    let last = 0;
    for (const operation of order) {
      const number = operation.inputs.reduce((most, each) => Math.max(most, each ? this.#after(each) : 0), 0);
      this.#numbers.set(operation, number);
      last = Math.max(last, number);
    }
    this.#last = last;
  }

  /** Every operation, each before all that it reads, the last segment first. */
  backwards(): Operation[] {
    const bySegment: Operation[][] = Array.from({ length: this.#last + 1 }, () => []);
    for (const operation of this.#order) bySegment[this.#numbers.get(operation)!]!.push(operation);
    return bySegment.flat().reverse();
  }

  /**
   * What an operation read and gave.
   *
   * @param before - What is to be there before a segment is computed again: the gradient that reaches it, and those by
   *   parameters of later segments, so that what they read can go.
   */
  forward(operation: Operation, output: Value, before: () => readonly Value[]): Forward {
    const number = this.#numbers.get(operation)!;
    if (number === 0 || number === this.#last) return { inputs: operation.inputs, output };
    if (this.#again?.number !== number) {
      this.#again = { number, values: this.#computeAgain(number, nothingAfter(before())) };
    }
    const { values } = this.#again;
    const inputs = operation.inputs.map((each) => each && (values.get(each) ?? each));
    return { inputs, output: values.get(output) ?? output };
  }

  #computeAgain(number: number, nothing: Value): ValueMap<Value> {
    const values = new ValueMap<Value>();
    for (const operation of this.#order) {
      if (this.#numbers.get(operation) !== number) continue;
      const inputs = operation.inputs.map((each) => {
        if (!each) return undefined;
        const known = values.get(each) ?? this.#entry(each, number, nothing);
        values.set(each, known);
        return known;
      });
      for (const value of withInputs(operation, inputs)) {
        if (value?.origin.kind !== 'operation') continue;
        const before: Value = { ...value, origin: { ...value.origin, operation } };
        if (!this.#kept.has(before)) values.set(before, value);
      }
    }
    return values;
  }

  /** What a segment begins with. Numbers wait for the gradient: the runtime would otherwise compute the segment once for both. */
  #entry(value: Value, number: number, nothing: Value): Value {
    const operation = operationOf(value);
    const isOwn = operation && this.#numbers.get(operation) === number;
    return !operation || isOwn || value.type !== 'float32' ? value : after(value, nothing);
  }

  /** The segment that reads a value at the earliest. */
  #after(value: Value): number {
    const operation = operationOf(value);
    if (!operation) return 0;
    return this.#numbers.get(operation)! + (this.#kept.has(value) ? 1 : 0);
  }
}

/** The same numbers, there only after `nothing` is. */
function after(x: Value, nothing: Value): Value {
  return g.add(x, x.shape.length === 0 ? g.reshape(nothing, [], []) : nothing);
}

/** 0, float32 `[1]`, there only after some values are: `0 ·` one element of each. */
function nothingAfter(values: readonly Value[]): Value {
  const zeros = values.map((value) => {
    const flat = g.reshape(value, [value.shape.reduce(times, 1)], [-1]);
    const first = g.sliceTo(flat, { axis: 0, start: integers(0), end: integers(1), length: 1 });
    return g.multiply(g.cast(first, 'float32'), scalar(0));
  });
  return zeros.reduce((sum, each) => g.add(sum, each));
}
