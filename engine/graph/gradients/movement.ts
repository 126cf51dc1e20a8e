/** Gradients of operations that move elements. */

import type { MovementType } from '../operation-types.ts';
import * as g from '../operations/index.ts';
import { integers, integersOf, plus, type Value } from '../value.ts';
import { type GradientRule, type Gradients, reshapeLike, sumTo } from './gradient.ts';

const reshaped: GradientRule = ({ inputs, gradient, shapedLike }) => {
  const [x] = inputs as readonly [Value];
  return [reshapeLike(gradient, x, shapedLike(x))];
};

/** Zeros before and behind what was cut out. */
const cutOut: GradientRule = ({ inputs, gradient }) => {
  const [x, start, stop, axes] = inputs as readonly [Value, Value, Value, Value];
  const axis = integersOf(axes)![0]!;
  const zeros = g.filled(0, x);
  const between = (from: Value, to?: Value): Value =>
    g.sliceTo(zeros, { axis, start: from, end: to, length: x.shape[axis]! }); // at most
  const startsAtFront = integersOf(start)?.[0] === 0;
  const [last] = integersOf(stop) ?? [];
  const endsAtBack = last !== undefined && (last >= g.axisEnd || last === x.shape[axis]);
  const parts = [
    ...(startsAtFront ? [] : [between(integers(0), start)]),
    gradient,
    ...(endsAtBack ? [] : [between(stop)]),
  ];
  return [parts.length === 1 ? gradient : g.concat(parts, axis, x.shape[axis])];
};

/** Each input's part, one after another; what is behind it goes on to the next, so that no length is added up when the graph runs. */
const parted: GradientRule = ({ inputs, attributes, gradient }) => {
  const axis = Number(attributes['axis']);
  let rest = gradient;
  return inputs.map((each, i) => {
    const x = each!;
    if (i === inputs.length - 1) return { ...rest, shape: x.shape };
    const length = x.shape[axis]!;
    const until = typeof length === 'number' ? integers(length) : g.lengthOf(x, axis);
    const own = g.sliceTo(rest, { axis, start: integers(0), end: until, length });
    const behind = inputs.slice(i + 1).map((other) => other!.shape[axis]!);
    const remaining = behind.reduce(plus);
    rest = g.sliceTo(rest, { axis, start: until, length: remaining });
    return own;
  });
};

/** By type. */
export const movementGradients: Gradients<MovementType> = {
  Reshape: reshaped,
  Unsqueeze: reshaped,
  Transpose: ({ attributes, gradient }) => {
    const order = attributes['perm'] as readonly number[];
    return [
      g.transpose(
        gradient,
        order.map((_, axis) => order.indexOf(axis)),
      ),
    ];
  },
  Slice: cutOut,
  Concat: parted,
  Gather: ({ inputs, gradient }) => {
    const [table, ids] = inputs as readonly [Value, Value];
    return [g.scatterAdd(g.filled(0, table), ids, gradient), undefined];
  },
  ScatterND: ({ inputs, gradient }) => {
    const [, places] = inputs as readonly [Value, Value];
    const ids = reshapeLike(places, { ...places, shape: places.shape.slice(0, -1) });
    return [gradient, undefined, g.gather(gradient, ids)];
  },
  Expand: ({ inputs, gradient }) => [sumTo(gradient, inputs[0]!)],
  Shape: 'constant',
  Identity: 'constant',
};
