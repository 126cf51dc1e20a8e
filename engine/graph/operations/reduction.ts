/** Operations that fold an axis, or run along one. */
import type { ReductionType } from '../operation-types.ts';
import { integers, integersOf, type Value } from '../value.ts';
import { type Given, operationsOf, type Rules, refuse, type ShapeRule, sameForm } from './operation.ts';

const folding: ShapeRule = (given) => {
  const [x] = given.inputs as readonly [Value];
  const axes = foldedAxes(given);
  const isKept = given.attributes['keepdims'] === 1;
  return [
    {
      type: x.type,
      shape: x.shape.flatMap((length, axis) => (axes.has(axis) ? (isKept ? [1] : []) : [length])),
    },
  ];
};

/** Shape rules of reductions. */
export const reductionRules: Rules<ReductionType> = {
  ReduceSum: folding,
  ReduceMax: folding,
  CumSum: sameForm,
};

/** The axes that an operation folds, counted from the front. @throws RangeError when they are not axes of what it folds. */
export function foldedAxes({ inputs }: Pick<Given, 'inputs'>): ReadonlySet<number> {
  const [x, axes] = inputs as readonly [Value, Value];
  const rank = x.shape.length;
  const given = integersOf(axes)?.map((axis) => (axis < 0 ? axis + rank : axis));
  if (!given?.every((axis) => axis >= 0 && axis < rank))
    return refuse('sum: expected axes of a value', x, axes);
  return new Set(given);
}

const make = operationsOf(reductionRules);
const reduceLast =
  (type: 'ReduceSum' | 'ReduceMax'): ((x: Value) => Value) =>
  (x) =>
    make(type, [x, integers(-1)], { attributes: { keepdims: 1 } });

/** Sum over the last axis, which stays with length 1. */
export const sumLast: (x: Value) => Value = reduceLast('ReduceSum');
/** Largest of the last axis, which stays with length 1. */
export const maxLast: (x: Value) => Value = reduceLast('ReduceMax');

/** Sum over some axes, counted from the front; `keeps` leaves them there with length 1. */
export function sumOver(x: Value, axes: readonly number[], { keeps }: { readonly keeps: boolean }): Value {
  return make('ReduceSum', [x, integers(...axes)], { attributes: { keepdims: keeps ? 1 : 0 } });
}

/** Sum of all elements up to each one's own along the first axis; `backwards`, from each one's own on. */
export function runningSum(x: Value, { backwards = false }: { readonly backwards?: boolean } = {}): Value {
  return make('CumSum', [x, zero], { attributes: { reverse: backwards ? 1 : 0 } });
}

const zero: Value = { ...integers(0), shape: [] };
