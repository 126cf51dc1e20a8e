/** Causal attention with grouped heads in primitives, with its logits in memory. Axes: see `AttentionInputs`; `G = H / K`. */
import { maskedLogit } from '../masked-logit.ts';
import * as g from '../operations/index.ts';
import { floatOf } from '../operations/operation.ts';
import { type Axis, integers, scalar, times, type Value } from '../value.ts';
import { type Decomposition, numberLike } from './decomposition.ts';

/**
 * Softmax of the scaled products with keys of the past and of tokens up to the own one, times their values; then all keys
 * and all values, `[N, K, P + L, D]`. Rows of padding, which the operator leaves open, see what stands before them.
 */
export const attentionDecomposition: Decomposition = (operation) => {
  const [query, key, value, pastKeys, pastValues] = operation.inputs as readonly [
    Value,
    Value,
    Value,
    Value | undefined,
    Value | undefined,
  ];
  const { attributes } = operation;
  const [H, K] = [Number(attributes['num_heads']), Number(attributes['kv_num_heads'])];
  const [N, L, width] = query.shape as readonly [Axis, Axis, number];
  const D = width / H;
  const scaled = g.multiply(query, numberLike(floatOf(operation, 'scale'), query));
  const queries = g.reshape(perHead(scaled, H, D), [N, K, times(H / K, L), D], [0, K, -1, D]);
  const [keys, values] = [perHead(key, K, D), perHead(value, K, D)];
  const logits = causal(products(queries, keys), query, H / K);
  const whole = { keys: joined(pastKeys, keys), values: joined(pastValues, values) };
  const attend = (): Value => {
    if (!pastKeys || !pastValues) return g.matmul(g.cast(g.softmax(logits), query.type), values);
    const attention = g.softmax(g.concat([products(queries, pastKeys), logits], 3));
    const start = g.lengthOf(pastKeys, 2);
    const cut = (start: Value, end: Value | undefined, length: Axis): Value =>
      g.cast(g.sliceTo(attention, { axis: 3, start, end, length }), query.type);
    const toPast = g.matmul(cut(integers(0), start, pastKeys.shape[2]!), pastValues);
    return g.add(toPast, g.matmul(cut(start, undefined, L), values));
  };
  const context = g.transpose(g.reshape(attend(), [N, H, L, D], [0, H, -1, D]), [0, 2, 1, 3]);
  return [g.reshape(context, [N, L, width], [0, 0, width]), whole.keys, whole.values];
};

/** `[N, L, heads·D]` to `[N, heads, L, D]`. */
function perHead(rows: Value, heads: number, D: number): Value {
  const [N, L] = rows.shape as readonly [Axis, Axis];
  return g.transpose(g.reshape(rows, [N, L, heads, D], [0, 0, heads, D]), [0, 2, 1, 3]);
}

const products = (queries: Value, keys: Value): Value => g.cast(g.matmul(queries, g.turned(keys)), 'float32');

const joined = (past: Value | undefined, own: Value): Value => (past ? g.concat([past, own], 2) : own);

/** Hides what comes after a token in logits `[N, K, G·L, L]`: below 0 where the column's place is behind the row's. */
function causal(logits: Value, query: Value, group: number): Value {
  const L = query.shape[1]!;
  const ones = g.expand(g.reshape(scalar(1), [1], [1]), [L], g.lengthOf(query, 1));
  const places = g.runningSum(ones);
  const rows = g.concat(Array<Value>(group).fill(places), 0);
  const ahead = g.subtract(g.unsqueeze(places, 0), g.unsqueeze({ ...rows, shape: [times(group, L)] }, 1));
  return g.add(logits, g.multiply(g.maximum(ahead, scalar(0)), scalar(maskedLogit)));
}
