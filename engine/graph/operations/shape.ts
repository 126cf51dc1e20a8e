/** Operations that move elements and compute nothing. */
import type { MovementType } from '../operation-types.ts';
import { type Axis, constant, integers, plus, scalar, type Value } from '../value.ts';
import { cast, subtract } from './elementwise.ts';
import { broadcast, type Given, operationsOf, type Rules, refuse, sameForm } from './operation.ts';
import { runningSum } from './reduction.ts';

/** Shape rules of operations that move elements. */
export const movementRules: Rules<MovementType> = {
  Reshape: (given) => {
    const [x, target] = given.inputs as readonly [Value, Value];
    const shape = askedShape(given);
    if (target.type !== 'int64' || target.shape.join() !== String(shape.length)) {
      refuse(`reshape: expected int64[${shape.length}] as target`, target);
    }
    const [before, after] = [elements(x.shape), elements(shape)];
    if (before !== undefined && after !== undefined && before !== after) {
      refuse(`reshape: expected ${after} elements for [${shape.join(', ')}]`, x);
    }
    return [{ type: x.type, shape }];
  },
  Unsqueeze: (given) => {
    const [x, axes] = given.inputs as readonly [Value, Value];
    const shape = askedShape(given);
    if (shape.length !== x.shape.length + Number(axes.shape[0])) refuse('unsqueeze: expected new axes', x);
    return [{ type: x.type, shape }];
  },
  Transpose: ({ inputs: [x], attributes }) => {
    const order = attributes['perm'] as readonly number[];
    if (order.length !== x!.shape.length) refuse(`transpose: expected ${order.length} axes`, x!);
    return [{ type: x!.type, shape: order.map((axis) => x!.shape[axis]!) }];
  },
  Slice: (given) => {
    const [x] = given.inputs as readonly [Value];
    const shape = askedShape(given);
    if (shape.length !== x.shape.length) refuse(`slice: expected ${shape.length} axes`, x);
    return [{ type: x.type, shape }];
  },
  Concat: ({ inputs, attributes, shape }) => {
    const first = inputs[0];
    if (!first) throw new RangeError('concat: expected at least one value, got none.');
    const axis = Number(attributes['axis']);
    const lengths = inputs.map((value) => value!.shape[axis]!);
    const joined = lengths.reduce(plus);
    const asked = shape?.[axis];
    const own = typeof joined === 'number' && typeof asked !== 'number' ? joined : (asked ?? joined);
    return [{ type: first.type, shape: first.shape.map((length, i) => (i === axis ? own : length)) }];
  },
  Gather: ({ inputs }) => {
    const [table, ids] = inputs as readonly [Value, Value];
    return [{ type: table.type, shape: [...ids.shape, ...table.shape.slice(1)] }];
  },
  ScatterND: ({ inputs }) => {
    const [table, ids, rows] = inputs as readonly [Value, Value, Value];
    const expected = [...ids.shape.slice(0, -1), ...table.shape.slice(1)];
    if (ids.type !== 'int64' || ids.shape.at(-1) !== 1 || rows.shape.join() !== expected.join()) {
      refuse('scatterAdd: expected a table, int64 ids and a row for each', table, ids, rows);
    }
    return [{ type: table.type, shape: table.shape }];
  },
  Expand: (given) => {
    const [x] = given.inputs as readonly [Value];
    const shape = askedShape(given);
    const wide = broadcast('expand', x, { ...x, shape });
    if (wide.join() !== shape.join()) refuse(`expand: expected what fits into [${shape.join(', ')}]`, x);
    return [{ type: x.type, shape }];
  },
  Shape: ({ attributes }) => {
    return [{ type: 'int64', shape: [Number(attributes['end']) - Number(attributes['start'])] }];
  },
  Identity: sameForm,
};

const make = operationsOf(movementRules);

/** Rows of a table `[V, W]` by number: shape of `ids`, then `W`. */
export function gather(table: Value, ids: Value): Value {
  return make('Gather', [table, ids]);
}

/**
 * A table `[V, W]`, or `[V]`, with rows added to those that `ids` name; rows that are named more than once get all of theirs.
 * There are at most 2^24 rows, for their numbers pass through float32.
 */
export function scatterAdd(table: Value, ids: Value, rows: Value): Value {
  return make('ScatterND', [table, placesOf(table, ids), rows], { attributes: { reduction: 'add' } });
}

/**
 * Row numbers with an axis of length 1 behind them, int64. WebGPU reads int64 as numbers of rows and does nothing else with
 * them, and casts float32 alone to them: int32 becomes float32 first, and int64 looks itself up among 0, 1, 2 and so on.
 */
function placesOf(table: Value, ids: Value): Value {
  if (ids.type === 'int32') {
    const target = [...ids.shape.map(() => 0), 1];
    return cast(reshape(cast(ids, 'float32'), [...ids.shape, 1], target), 'int64');
  }
  return cast(gather(rowNumbers(table), ids), 'int64');
}

/** 0, 1, 2 and so on, one a row of a table, float32 `[V, 1]`. */
function rowNumbers(table: Value): Value {
  const rows = table.shape[0]!;
  if (typeof rows === 'number')
    return constant(
      Float32Array.from({ length: rows }, (_, row) => row),
      [rows, 1],
    );
  const isList = table.shape.length === 1;
  const first = isList ? reshape(table, [rows, 1], [-1, 1]) : slice(table, { axis: 1, start: 0, end: 1 });
  return subtract(runningSum(filled(1, cast(first, 'float32'))), scalar(1));
}

/** Repeats axes of length 1 up to a shape, which is `target`, int64 `[rank]`, when the graph runs. */
export function expand(x: Value, shape: readonly Axis[], target: Value): Value {
  return make('Expand', [x, target], { shape });
}

/** {@link expand} to the shape of another value. */
export function expandTo(x: Value, like: Value): Value {
  return x.shape.join() === like.shape.join() ? x : expand(x, like.shape, shapeOf(like));
}

/** Repeats one number until it has the shape of another value. */
export function filled(value: number, like: Value): Value {
  return expandTo(cast(scalar(value), like.type), like);
}

/**
 * Reorders axes into a new shape.
 *
 * @param shape - The new shape; its numbers and names are what later checks see.
 * @param target - What the operator is told: 0 keeps an axis, -1 is worked out.
 */
export function reshape(x: Value, shape: readonly Axis[], target: readonly number[]): Value {
  return make('Reshape', [x, integers(...target)], { shape });
}

/** {@link reshape} to lengths that are known only when the graph runs: `target` int64 `[rank]`. */
export function reshapeTo(x: Value, shape: readonly Axis[], target: Value): Value {
  return make('Reshape', [x, target], { shape });
}

/** A new axis of length 1, which is axis `axis` of the result. */
export function unsqueeze(x: Value, axis: number): Value {
  return make('Unsqueeze', [x, integers(axis)], { shape: x.shape.toSpliced(axis, 0, 1) });
}

/** Swaps axes: axis `i` of the result is axis `order[i]` of `x`. */
export function transpose(x: Value, order: readonly number[]): Value {
  return make('Transpose', [x], { attributes: { perm: order } });
}

/** Elements `[start, end)` of one axis. */
export function slice(x: Value, { axis, start, end }: { axis: number; start: number; end: number }): Value {
  const shape = x.shape.with(axis, end - start);
  return make('Slice', [x, integers(start), integers(end), integers(axis)], { shape });
}

/** A place behind every axis' end, which the operators take for the end itself. */
export const axisEnd: number = 2 ** 31 - 1;

/**
 * {@link slice} between places that are known only when the graph runs: `start` and `end` int64 `[1]`; without `end`, to
 * the axis' end.
 *
 * @param length - The name of the axis' new length.
 */
export function sliceTo(
  x: Value,
  {
    axis,
    start,
    end = integers(axisEnd),
    length,
  }: { axis: number; start: Value; end?: Value | undefined; length: Axis },
): Value {
  return make('Slice', [x, start, end, integers(axis)], { shape: x.shape.with(axis, length) });
}

/**
 * Joins values along an axis.
 *
 * @param length - The axis' new length, where the joined ones do not tell it before the graph runs.
 * @defaultValue the names of the joined lengths with `+` between them
 */
export function concat(values: readonly Value[], axis: number, length?: Axis): Value {
  const shape = length === undefined ? {} : { shape: values[0]?.shape.with(axis, length) ?? [] };
  return make('Concat', values, { attributes: { axis }, ...shape });
}

/** The length of one axis, int64 `[1]`. */
export function lengthOf(x: Value, axis: number): Value {
  return make('Shape', [x], { attributes: { start: axis, end: axis + 1 } });
}

/** All lengths, int64 `[rank]`: a constant where they are known. */
export function shapeOf(x: Value): Value {
  const lengths = x.shape.filter((axis) => typeof axis === 'number');
  if (lengths.length === x.shape.length) return integers(...lengths);
  return make('Shape', [x], { attributes: { start: 0, end: x.shape.length } });
}

/** The same elements as numbers that nothing is differentiated by: no gradient goes through them. */
export function detached(x: Value): Value {
  return make('Identity', [x]);
}

function askedShape({ shape }: Given): readonly Axis[] {
  if (!shape) throw new TypeError('askedShape: expected the shape that the operation gives.');
  return shape;
}

/** How many elements a shape has; undefined where a length is known only when the graph runs. */
function elements(shape: readonly Axis[]): number | undefined {
  const lengths = shape.filter((axis) => typeof axis === 'number');
  return lengths.length === shape.length ? lengths.reduce((product, n) => product * n, 1) : undefined;
}
