/** Something for each value of a graph. */
import type { Value } from './value.ts';

/** By value: two objects are one value when they are the same output of one operation, or inputs or tensors of one name. */
export class ValueMap<Entry> {
  readonly #entries = new Map<unknown, Map<unknown, Entry>>();

  /** What was set for a value. */
  get(value: Value): Entry | undefined {
    const [group, own] = keysOf(value);
    return this.#entries.get(group)?.get(own);
  }

  /** Whether something was set for a value. */
  has(value: Value): boolean {
    const [group, own] = keysOf(value);
    return this.#entries.get(group)?.has(own) ?? false;
  }

  /** Sets it, in place of what was set before. */
  set(value: Value, entry: Entry): void {
    const [group, own] = keysOf(value);
    const entries = this.#entries.get(group) ?? new Map<unknown, Entry>();
    this.#entries.set(group, entries.set(own, entry));
  }
}

function keysOf({ origin }: Value): readonly [group: unknown, own: unknown] {
  switch (origin.kind) {
    case 'operation':
      return [origin.operation, origin.output];
    case 'constant':
      return ['constant', origin];
    case 'input':
    case 'file':
      return [origin.kind, origin.name];
    default:
      throw new TypeError(`ValueMap: unknown origin ${JSON.stringify(origin satisfies never)}.`);
  }
}
