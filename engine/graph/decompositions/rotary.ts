/** Rotary embedding in primitives. Axes: `N` sequences, `L` tokens, `D` head size. */
import * as g from '../operations/index.ts';
import { refuse } from '../operations/operation.ts';
import { type Axis, integers, integersOf, type Value } from '../value.ts';
import type { Decomposition } from './decomposition.ts';

/** `(a cos - b sin, b cos + a sin)` of every pair `(a, b)`. */
export const rotaryDecomposition: Decomposition = ({ inputs, attributes }) => {
  const [x, places, cos, sin] = inputs as readonly [Value, Value, Value, Value];
  const heads = Number(attributes['num_heads']);
  const [N, L, width] = x.shape as readonly [Axis, Axis, number];
  const half = width / heads / 2;
  const areNeighbours = attributes['interleaved'] === 1;
  const split = areNeighbours ? [heads, half, 2] : [heads, 2, half];
  const pairAxis = areNeighbours ? 4 : 3;
  const pairs = g.reshape(x, [N, L, ...split], [0, 0, ...split]);
  const a = g.slice(pairs, { axis: pairAxis, start: 0, end: 1 });
  const b = g.slice(pairs, { axis: pairAxis, start: 1, end: 2 });
  const turns = (table: Value): Value => {
    const rows = rowsOf(table, places, x); // [N, L, D/2] or [L, D/2]
    const first = rows.shape.length - 1;
    return g.unsqueeze(g.unsqueeze(rows, first), areNeighbours ? first + 2 : first + 1);
  };
  const [c, s] = [turns(cos), turns(sin)];
  const turned = [g.subtract(g.multiply(a, c), g.multiply(b, s)), g.add(g.multiply(b, c), g.multiply(a, s))];
  return [g.reshape(g.concat(turned, pairAxis), [N, L, width], [0, 0, width])];
};

/** Each token's row: by its place, or from the first row on, one after another. */
function rowsOf(table: Value, places: Value, x: Value): Value {
  if (places.shape.length === 2) return g.gather(table, places);
  if (integersOf(places)?.join() !== '0') refuse('rotaryDecomposition: expected places, or 0', places);
  const L = x.shape[1]!;
  if (table.shape[0] === L) return table;
  return g.sliceTo(table, { axis: 0, start: integers(0), end: g.lengthOf(x, 1), length: L });
}
