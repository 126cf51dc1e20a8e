/** What gradients are made of: a rule for each operation, or the reason why there is none. */

import type { OperationType } from '../operation-types.ts';
import * as g from '../operations/index.ts';
import type { Operation, Value } from '../value.ts';

/** One operation on the way back from the loss. */
export interface Step {
  /** The operation's inputs. */
  readonly inputs: Operation['inputs'];
  /** Its attributes. */
  readonly attributes: Operation['attributes'];
  /** What it gives. */
  readonly output: Value;
  /** The loss's gradient by what it gives, of the same form. */
  readonly gradient: Value;
  /**
   * A value of the forward pass with the axes of another, whose shape the runtime is asked for instead: the first that no
   * Transpose gave. The shape of what one gave would be reordered by an operator that WebGPU lacks.
   */
  readonly shapedLike: (value: Value) => Value;
}

/** The loss's gradients by an operation's inputs, each of its input's form; `undefined` for one that has none, such as a shape. */
export type GradientRule = (step: Step) => readonly (Value | undefined)[];

/** How an operation is differentiated. */
export type Gradient =
  /** By a rule. */
  | GradientRule
  /** Through its decomposition. */
  | 'decomposed'
  /** Not at all: its result is the same whatever the numbers are, or is asked to count as if it were. */
  | 'constant'
  /** Not at all: asking for a gradient through it is an error. */
  | { readonly notDifferentiable: string };

/** A gradient for each of some types. */
export type Gradients<Type extends OperationType> = Readonly<Record<Type, Gradient>>;

/**
 * The gradient by a value that was broadcast: summed over the axes that were repeated, whatever their lengths.
 *
 * @param rowsLike - A value with as many rows: sums that take the same one share what they are made of. @defaultValue the gradient
 */
export function sumTo(gradient: Value, like: Value, rowsLike: Value = gradient): Value {
  const more = gradient.shape.length - like.shape.length;
  const repeated = like.shape.flatMap((axis, i) =>
    axis === 1 && gradient.shape[more + i] !== 1 ? [more + i] : [],
  );
  const narrow = repeated.length > 0 ? g.sumOver(gradient, repeated, { keeps: true }) : gradient;
  if (more === 0) return narrow;
  if (more === 1 && like.shape.length === 1) return sumOfRows(narrow, rowsLike);
  return g.sumOver(
    narrow,
    Array.from({ length: more }, (_, axis) => axis),
    { keeps: false },
  );
}

/**
 * The sum of the rows of a matrix, as the product of a row of ones with it: on a processor ONNX Runtime's sum over a first axis
 * takes 1.8 to 2.6 times as long (864 rows of 1,536 and of 384 numbers, two shared cores, 2026-11-28).
 */
function sumOfRows(matrix: Value, rowsLike: Value): Value {
  const column = g.slice(rowsLike, { axis: 1, start: 0, end: 1 });
  const ones = g.reshape(g.filled(1, column), [1, matrix.shape[0]!], [1, -1]);
  return g.reshape(g.matmul(ones, matrix), matrix.shape.slice(1), [-1]);
}

/** The same elements in the shape of another value. */
export function reshapeLike(x: Value, like: Value, shaped: Value = like): Value {
  const unknown = like.shape.filter((axis) => typeof axis !== 'number').length;
  if (unknown > 1) return g.reshapeTo(x, like.shape, g.shapeOf(shaped));
  return g.reshape(
    x,
    like.shape,
    like.shape.map((axis) => (typeof axis === 'number' ? axis : -1)),
  );
}

/** One number of another value's type. */
export { numberLike } from '../decompositions/decomposition.ts';
