/** What decompositions are made of. */
import { cast } from '../operations/index.ts';
import { type Operation, scalar, type Value } from '../value.ts';

/** An operation's outputs, made of primitives; `undefined` for one that the operation leaves out. */
export type Decomposition = (
  operation: Pick<Operation, 'inputs' | 'attributes'>,
) => readonly (Value | undefined)[];

/** One number of another value's type. */
export const numberLike = (value: number, { type }: Value): Value => cast(scalar(value), type);
