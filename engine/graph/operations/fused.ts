/** Operations that take several steps in one operator. Each gives the form of its first input. */
import type { FusedType } from '../operation-types.ts';
import type { Value } from '../value.ts';
import { operationsOf, type Rules, refuse, type ShapeRule, sameForm } from './operation.ts';

function normalising(name: string): ShapeRule {
  return (given) => {
    const [x, scale] = given.inputs as readonly [Value, Value];
    if (scale.shape.length !== 1 || scale.shape[0] !== x.shape.at(-1)) {
      refuse(`${name}: expected a scale as long as the last axis`, x, scale);
    }
    return sameForm(given);
  };
}

/** Shape rules of fused operations. */
export const fusedRules: Rules<FusedType> = {
  Softmax: sameForm,
  Gelu: sameForm,
  LayerNormalization: normalising('layerNormalisation'),
  SimplifiedLayerNormalization: normalising('rmsNormalisation'),
  RotaryEmbedding: (given) => {
    const [x, , cos] = given.inputs as readonly [Value, Value, Value];
    const heads = Number(given.attributes['num_heads']);
    if (x.shape.length !== 3 || x.shape[2] !== 2 * heads * Number(cos.shape[1])) {
      refuse(`rotaryEmbedding: expected [N, L, ${heads}·D] and [R, D/2]`, x, cos);
    }
    return sameForm(given);
  },
};

const make = operationsOf(fusedRules);

/** Softmax over the last axis. */
export function softmax(x: Value): Value {
  return make('Softmax', [x], { attributes: { axis: -1 } });
}

/** `x · Φ(x)`, with the error function (not its tanh approximation). */
export function gelu(x: Value): Value {
  return make('Gelu', [x]);
}

/** Normalises the last axis to mean 0 and variance 1, then scales and shifts. */
export function layerNormalisation(x: Value, scale: Value, shift: Value, epsilon: number): Value {
  return make('LayerNormalization', [x, scale, shift], {
    attributes: { axis: -1, epsilon: { float: epsilon } },
  });
}

/** Divides by the root mean square of the last axis, then scales. Source: Zhang and Sennrich (arXiv:1910.07467). */
export function rmsNormalisation(x: Value, scale: Value, epsilon: number): Value {
  return make('SimplifiedLayerNormalization', [x, scale], {
    attributes: { axis: -1, epsilon: { float: epsilon } },
  });
}

/**
 * Turns each pair of a head's values by its position's angle: `(a cos - b sin, b cos + a sin)`.
 *
 * Axes: `N` sequences, `L` tokens, `D` head size, `R` rows of the tables.
 *
 * @param x - Heads side by side, `[N, L, heads·D]`.
 * @param places - Row of the tables for each token, int64 `[N, L]`.
 * @param tables - Cosines and sines, `[R, D/2]` each.
 */
export function rotaryEmbedding(
  x: Value,
  places: Value,
  tables: { readonly cos: Value; readonly sin: Value },
  { heads, pairs }: { readonly heads: number; readonly pairs: 'halves' | 'neighbours' },
): Value {
  return make('RotaryEmbedding', [x, places, tables.cos, tables.sin], {
    attributes: { num_heads: heads, interleaved: pairs === 'neighbours' ? 1 : 0 },
  });
}
