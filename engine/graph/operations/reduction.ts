/** Operations that fold an axis. */
import type { ReductionType } from '../operation-types.ts';
import { integers, type Value } from '../value.ts';
import { operationsOf, type Rules, type ShapeRule } from './operation.ts';

const lastToOne: ShapeRule = ({ inputs: [x] }) => [{ type: x!.type, shape: [...x!.shape.slice(0, -1), 1] }];

/** Shape rules of reductions. */
export const reductionRules: Rules<ReductionType> = { ReduceSum: lastToOne, ReduceMax: lastToOne };

const make = operationsOf(reductionRules);
const reduceLast =
  (type: ReductionType): ((x: Value) => Value) =>
  (x) =>
    make(type, [x, integers(-1)], { attributes: { keepdims: 1 } });

/** Sum over the last axis, which stays with length 1. */
export const sumLast: (x: Value) => Value = reduceLast('ReduceSum');
/** Largest of the last axis, which stays with length 1. */
export const maxLast: (x: Value) => Value = reduceLast('ReduceMax');
