/**
 * Reverse mode: the gradients of a loss, as values of the same graph.
 *
 * Source: Linnainmaa (1976); checkpointing as in Chen et al. (arXiv:1604.06174).
 */
import { toPrimitives } from '../decompositions/decompositions.ts';
import * as g from '../operations/index.ts';
import { operationOf, operationsInOrder } from '../order.ts';
import type { Operation, Value } from '../value.ts';
import { ValueMap } from '../value-map.ts';
import { gradients } from './gradients.ts';
import { accumulated } from './linear.ts';
import { type Forward, Segments } from './segments.ts';

/** How gradients are computed. */
export interface GradientOptions {
  /**
   * Values that stay in memory from the forward pass: what lies between them is computed a second time on the way back,
   * segment by segment. What stands before the first and behind the last of them is not.
   *
   * @defaultValue none: everything that a gradient reads stays in memory
   */
  readonly kept?: readonly Value[];
}

/**
 * Gradients of a loss by some values, one each, of the value's form. The graph is made of primitives first: where the
 * loss is an output too, give what `toPrimitives` gave, so that the forward pass is computed once.
 *
 * @param loss - One float32 number.
 * @param by - Inputs, tensors in files, constants or values in between; the loss depends on each.
 * @throws RangeError when the loss is not one number, or does not depend on a value that is asked or kept; naming the operator, when a gradient
 *   would have to go through one that has none.
 */
export function gradientsOf(
  loss: Value,
  by: readonly Value[],
  { kept = [] }: GradientOptions = {},
): readonly Value[] {
  if (loss.type !== 'float32' || loss.shape.some((axis) => axis !== 1)) {
    throw new RangeError(`gradientsOf: expected a loss float32[], got ${formOf(loss)}.`);
  }
  const [root, ...primitives] = toPrimitives([loss, ...by, ...kept]) as readonly [Value, ...Value[]];
  const wanted = primitives.slice(0, by.length);
  const order = operationsInOrder([root]);
  const backward = new Backward(wanted, order);
  backward.add(root, g.filled(1, root));
  const segments = new Segments(order, primitives.slice(by.length));
  for (const operation of segments.backwards()) backward.step(operation, segments);
  return wanted.map((value, i) => {
    const gradient = backward.gradients.get(value);
    if (!gradient) throw new RangeError(`gradientsOf: expected a loss that depends on ${nameOf(by[i]!)}.`);
    return gradient;
  });
}

class Backward {
  /** By every value that was reached. */
  readonly gradients: ValueMap<Value> = new ValueMap();
  readonly #wanted = new ValueMap<true>();
  /** Operations whose results depend on a wanted value. */
  readonly #dependent = new Set<Operation>();
  readonly #order: readonly Value[];
  readonly #given = new Set<Value['origin']>();
  /** By axes, the first value that has them. */
  readonly #shaped = new Map<string, Value>();

  constructor(wanted: readonly Value[], order: readonly Operation[]) {
    this.#order = wanted;
    for (const value of wanted) this.#wanted.set(value, true);
    for (const operation of order) {
      for (const value of operation.inputs) if (value) this.#noteShape(value);
      if (gradients[operation.type] === 'constant') continue;
      if (operation.inputs.some((each) => each && this.#isNeeded(each))) this.#dependent.add(operation);
    }
  }

  /** Adds to the gradient by a value. */
  add(value: Value, gradient: Value): void {
    const sum = this.gradients.get(value);
    this.gradients.set(value, sum ? accumulated(sum, gradient) : gradient);
  }

  /** Takes the gradient by what an operation gives to what it reads. */
  step(operation: Operation, segments: Segments): void {
    if (!this.#dependent.has(operation)) return;
    for (const [output, form] of operation.forms.entries()) {
      const value: Value | undefined = form && { ...form, origin: { kind: 'operation', operation, output } };
      const gradient = value && this.gradients.get(value);
      if (value && gradient)
        this.#through(
          operation,
          gradient,
          segments.forward(operation, value, () => [gradient, ...this.#finished()]),
        );
    }
  }

  #through(operation: Operation, gradient: Value, { inputs, output }: Forward): void {
    const rule = gradients[operation.type];
    if (typeof rule !== 'function') throw refusal(operation);
    const { attributes } = operation;
    const shapedLike = (value: Value): Value => this.#shaped.get(value.shape.join()) ?? value;
    const parts = rule({ inputs, output, attributes, gradient, shapedLike });
    for (const [i, value] of operation.inputs.entries()) {
      if (!value || !this.#isNeeded(value)) continue;
      const part = parts[i];
      if (!part) throw refusal(operation, value);
      this.add(value, part);
    }
  }

  /** Gradients by wanted values that were not given before. */
  #finished(): Value[] {
    const all = this.#order.flatMap((value) => this.gradients.get(value) ?? []);
    const fresh = all.filter(({ origin }) => !this.#given.has(origin));
    for (const { origin } of fresh) this.#given.add(origin);
    return fresh;
  }

  #noteShape(value: Value): void {
    const axes = value.shape.join();
    if (!this.#shaped.has(axes) && operationOf(value)?.type !== 'Transpose') this.#shaped.set(axes, value);
  }

  #isNeeded(value: Value): boolean {
    const operation = operationOf(value);
    return this.#wanted.has(value) || (operation !== undefined && this.#dependent.has(operation));
  }
}

/** @param value - An input without a gradient: where what gives it has none either, that is named. */
function refusal(operation: Operation, value?: Value): RangeError {
  const given = value && operationOf(value);
  const { type } = given && typeof gradients[given.type] === 'object' ? given : operation;
  const gradient = gradients[type];
  const reason =
    typeof gradient === 'object'
      ? gradient.notDifferentiable
      : `it reads ${value ? formOf(value) : 'no numbers'}`;
  return new RangeError(`gradientsOf: expected operators with a gradient, got ${type}: ${reason}.`);
}

const formOf = ({ type, shape }: Value): string => `${type}[${shape.join(', ')}]`;

function nameOf(value: Value): string {
  const { origin } = value;
  if (origin.kind === 'input' || origin.kind === 'file') return `"${origin.name}"`;
  return `${origin.kind === 'operation' ? origin.operation.type : 'a constant'} ${formOf(value)}`;
}
