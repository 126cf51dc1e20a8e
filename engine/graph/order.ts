/** The operations of a graph, each after all that it reads. */
import type { Operation, Value } from './value.ts';

/** The operation that gives a value; undefined for inputs, constants and tensors in files. */
export const operationOf = ({ origin }: Value): Operation | undefined =>
  origin.kind === 'operation' ? origin.operation : undefined;

/**
 * Every operation that some values depend on, once, in the order in which `toOnnx` writes them: those that the first
 * input needs before those of the second. No recursion, which a deep graph would exhaust.
 */
export function operationsInOrder(values: readonly Value[]): Operation[] {
  const seen = new Set<Operation>();
  const order: Operation[] = [];
  for (const value of values) {
    const root = operationOf(value);
    if (root && !seen.has(root)) visit(root, seen, order);
  }
  return order;
}

function visit(root: Operation, seen: Set<Operation>, order: Operation[]): void {
  seen.add(root);
  const pending = [{ operation: root, next: 0 }];
  for (let last = pending.at(-1); last; last = pending.at(-1)) {
    const { operation } = last;
    if (last.next === operation.inputs.length) {
      order.push(operation);
      pending.pop();
      continue;
    }
    const read = operation.inputs[last.next];
    last.next += 1;
    const inner = read && operationOf(read);
    if (!inner || seen.has(inner)) continue;
    seen.add(inner);
    pending.push({ operation: inner, next: 0 });
  }
}
