/** Operations that take several steps in one operator. Most give the form of their first input. */
import { onnxTypes } from '../onnx-type.ts';
import type { FusedType } from '../operation-types.ts';
import { type Axis, constant, type Operation, plus, type Value } from '../value.ts';
import { cast } from './elementwise.ts';
import { operationsOf, outputsOf, type Rules, refuse, type ShapeRule, sameForm } from './operation.ts';

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
  LayerNormalization: (given) => {
    const [form] = normalising('layerNormalisation')(given);
    const { shape } = given.inputs[0]!;
    // The mean, and the inverse deviation, where a type is asked for them: float32.
    const isAsked = given.attributes['stash_type'] === onnxTypes.float32;
    return isAsked ? [form, undefined, { type: 'float32', shape: shape.with(-1, 1) }] : [form];
  },
  SimplifiedLayerNormalization: normalising('rmsNormalisation'),
  SkipSimplifiedLayerNormalization: (given) => {
    const [x, residual, scale] = given.inputs as readonly [Value, Value, Value];
    if (x.type !== residual.type || x.shape.join() !== residual.shape.join()) {
      refuse('addedRmsNormalisation: expected two of one form', x, residual);
    }
    const [form] = normalising('addedRmsNormalisation')({ ...given, inputs: [x, scale] });
    // The mean and the inverse deviation, which stand between, are for training.
    return [form, undefined, undefined, form];
  },
  QuickGelu: sameForm,
  RotaryEmbedding: (given) => {
    const [x, , cos] = given.inputs as readonly [Value, Value, Value];
    const heads = Number(given.attributes['num_heads']);
    if (x.shape.length !== 3 || x.shape[2] !== 2 * heads * Number(cos.shape[1])) {
      refuse(`rotaryEmbedding: expected [N, L, ${heads}·D] and [R, D/2]`, x, cos);
    }
    return sameForm(given);
  },
  GroupQueryAttention: ({ inputs, attributes }) => {
    const [query, key, value, past] = inputs as readonly [Value, Value?, Value?, Value?];
    const [H, K] = [Number(attributes['num_heads']), Number(attributes['kv_num_heads'])];
    const [N, L, width] = (key ?? query).shape as readonly [Axis, Axis, number];
    const D = key ? width / K : width / (H + 2 * K);
    if (!key || !value) {
      if (!Number.isInteger(D)) refuse(`groupQueryAttention: expected [N, L, ${H + 2 * K}·D]`, query);
      const present = { type: query.type, shape: [N, K, L, D] };
      return [{ type: query.type, shape: [N, L, H * D] }, present, present];
    }
    if (query.shape.join() !== [N, L, H * D].join() || value.shape.join() !== key.shape.join()) {
      refuse(`groupQueryAttention: expected [N, L, ${H}·D] and twice [N, L, ${K}·D]`, query, key, value);
    }
    const seen = past ? plus(past.shape[2]!, L) : L;
    const present = { type: key.type, shape: [N, K, seen, D] };
    return [{ type: query.type, shape: query.shape }, present, present];
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

/**
 * The rows that {@link layerNormalisation} scales and shifts, and what they were divided by, inverted, `[..., 1]`: both float32.
 *
 * @param attributes - Those of the normalisation.
 */
export function standardisation(
  x: Value,
  attributes: Operation['attributes'],
): { readonly rows: Value; readonly inverseDeviation: Value } {
  const width = Number(x.shape.at(-1));
  const [ones, zeros] = [1, 0].map((each) => constant(new Float32Array(width).fill(each), [width]));
  const exact = cast(x, 'float32');
  const made = make('LayerNormalization', [exact, ones, zeros], {
    attributes: { ...attributes, stash_type: onnxTypes.float32 },
  });
  const [rows, inverseDeviation] = outputsOf(made);
  return { rows: rows!, inverseDeviation: inverseDeviation! };
}

/** Divides by the root mean square of the last axis, then scales. Source: Zhang and Sennrich (arXiv:1910.07467). */
export function rmsNormalisation(x: Value, scale: Value, epsilon: number): Value {
  return make('SimplifiedLayerNormalization', [x, scale], {
    attributes: { axis: -1, epsilon: { float: epsilon } },
  });
}

/**
 * `x + residual`, and its {@link rmsNormalisation}: what every layer of a decoder does twice, in one pass over memory.
 * The mean square is a float32 sum where `x` is of half precision.
 */
export function addedRmsNormalisation(
  x: Value,
  residual: Value,
  scale: Value,
  epsilon: number,
): { readonly sum: Value; readonly normed: Value } {
  const attributes = { epsilon: { float: epsilon } };
  const [normed, sum] = outputsOf(
    make('SkipSimplifiedLayerNormalization', [x, residual, scale], { attributes }),
  );
  return { normed: normed!, sum: sum! };
}

/** `x · sigmoid(x)`, in one pass over memory. Source: Elfwing et al. (arXiv:1702.03118). */
export function silu(x: Value): Value {
  return make('QuickGelu', [x], { attributes: { alpha: { float: 1 } } });
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

/** What {@link groupQueryAttention} reads. Axes: `N` sequences, `L` tokens, `H` query heads, `K` key heads, `D` head size. */
export interface AttentionInputs {
  /** `[N, L, H·D]`. */
  readonly query: Value;
  /** `[N, L, K·D]`. */
  readonly key: Value;
  /** `[N, L, K·D]`. */
  readonly value: Value;
  /** Keys and values before those, `[1, K, P, D]` each; the operator takes them for one sequence alone. */
  readonly past?: { readonly keys: Value; readonly values: Value };
  /** Tokens of each sequence with its past, less 1, int32 `[N]`: what stands behind them is padding. */
  readonly lastPlaces: Value;
  /** Tokens of the longest sequence with its past, int32 `[]`. */
  readonly longest: Value;
}

/**
 * Causal attention without a matrix of logits in memory: softmax of `scale · q · k` over the tokens up to its own,
 * times their values, `[N, L, H·D]`. Positions are the caller's: heads come turned.
 *
 * Source: Ainslie et al. (arXiv:2305.13245), Dao et al. (arXiv:2205.14135).
 */
export function groupQueryAttention(
  { query, key, value, past, lastPlaces, longest }: AttentionInputs,
  {
    heads,
    keyValueHeads,
    scale,
  }: { readonly heads: number; readonly keyValueHeads: number; readonly scale: number },
): Value {
  return make('GroupQueryAttention', [query, key, value, past?.keys, past?.values, lastPlaces, longest], {
    attributes: { num_heads: heads, kv_num_heads: keyValueHeads, scale: { float: scale } },
  });
}

/** What {@link joinedGroupQueryAttention} reads; axes as of {@link AttentionInputs}. */
export interface JoinedAttentionInputs extends Pick<AttentionInputs, 'lastPlaces' | 'longest'> {
  /** Queries, keys and values side by side, not turned, `[N, L, (H + 2K)·D]`. */
  readonly joined: Value;
  /** Cosines and sines of the positions from 0 on, `[R, D/2]` each, `R` at least `longest`. */
  readonly tables: { readonly cos: Value; readonly sin: Value };
}

/**
 * {@link groupQueryAttention} of what one product gave, queries and keys turned within: each sequence's first token has
 * position 0.
 */
export function joinedGroupQueryAttention(
  { joined, tables: { cos, sin }, lastPlaces, longest }: JoinedAttentionInputs,
  {
    heads,
    keyValueHeads,
    scale,
    pairs,
  }: {
    readonly heads: number;
    readonly keyValueHeads: number;
    readonly scale: number;
    readonly pairs: 'halves' | 'neighbours';
  },
): Value {
  const none = undefined;
  return make('GroupQueryAttention', [joined, none, none, none, none, lastPlaces, longest, cos, sin], {
    attributes: {
      num_heads: heads,
      kv_num_heads: keyValueHeads,
      scale: { float: scale },
      do_rotary: 1,
      rotary_interleaved: pairs === 'neighbours' ? 1 : 0,
    },
  });
}
