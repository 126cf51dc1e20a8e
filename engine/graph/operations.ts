/**
 * The operations: each checks the shapes it is given, says the shape it gives, and names the ONNX operator.
 * Axes of unknown length are compared by name.
 */
import { type Attribute, type Axis, type DataType, integers, type Operation, type Value } from './value.ts';

interface Result {
  readonly type: DataType;
  readonly shape: readonly Axis[];
}

function operation(
  type: string,
  inputs: Operation['inputs'],
  result: Result,
  {
    domain = '',
    ...attributes
  }: { readonly domain?: Operation['domain']; readonly [name: string]: Attribute | undefined } = {},
): Value {
  const given = Object.entries(attributes).filter(
    (entry): entry is [string, Attribute] => entry[1] !== undefined,
  );
  const made: Operation = { type, domain, inputs, attributes: Object.fromEntries(given), outputs: 1 };
  return { ...result, origin: { kind: 'operation', operation: made, output: 0 } };
}

function fail(what: string, ...values: readonly Value[]): never {
  throw new RangeError(
    `${what}, got ${values.map(({ type, shape }) => `${type}[${shape.join(', ')}]`).join(' and ')}.`,
  );
}

/** The shape that two shapes broadcast to, or a RangeError. */
function broadcast(name: string, a: Value, b: Value): Axis[] {
  const rank = Math.max(a.shape.length, b.shape.length);
  return Array.from({ length: rank }, (_, i) => {
    const p = a.shape[a.shape.length - rank + i] ?? 1;
    const q = b.shape[b.shape.length - rank + i] ?? 1;
    if (p === q || q === 1) return p;
    if (p === 1) return q;
    return fail(`${name}: expected shapes that broadcast`, a, b);
  });
}

function elementwise(type: 'Add' | 'Sub' | 'Mul' | 'Div' | 'Max'): (a: Value, b: Value) => Value {
  return (a, b) => {
    if (a.type !== b.type) fail(`${type}: expected one type`, a, b);
    return operation(type, [a, b], { type: a.type, shape: broadcast(type, a, b) });
  };
}

/** `a + b`, broadcast. */
export const add: (a: Value, b: Value) => Value = elementwise('Add');
/** `a - b`, broadcast. */
export const subtract: (a: Value, b: Value) => Value = elementwise('Sub');
/** `a * b`, broadcast. */
export const multiply: (a: Value, b: Value) => Value = elementwise('Mul');
/** `a / b`, broadcast. */
export const divide: (a: Value, b: Value) => Value = elementwise('Div');
/** The larger of two, broadcast. */
export const maximum: (a: Value, b: Value) => Value = elementwise('Max');

/** Matrix product over the last two axes; leading axes broadcast. */
export function matmul(a: Value, b: Value): Value {
  const [inner, rows] = [a.shape.at(-1), b.shape.at(-2)];
  if (a.shape.length < 2 || b.shape.length < 2 || inner !== rows || a.type !== b.type) {
    fail('matmul: expected [..., M, K] and [..., K, N]', a, b);
  }
  const leading = broadcast(
    'matmul',
    { ...a, shape: a.shape.slice(0, -2) },
    { ...b, shape: b.shape.slice(0, -2) },
  );
  return operation('MatMul', [a, b], { type: a.type, shape: [...leading, a.shape.at(-2)!, b.shape.at(-1)!] });
}

/** `x · Wᵀ + b` for a matrix `x [M, K]` and weights as Hugging Face keeps them, `W [N, K]`. */
export function linear(x: Value, weights: Value, bias?: Value): Value {
  if (x.shape.length !== 2 || weights.shape.length !== 2 || x.shape[1] !== weights.shape[1]) {
    fail('linear: expected [M, K] and [N, K]', x, weights);
  }
  const result = { type: x.type, shape: [x.shape[0]!, weights.shape[0]!] };
  return operation('Gemm', [x, weights, bias], result, { transB: 1 });
}

/** `a · b` with the product of 8-bit integers summed in int32: `a uint8 [.., M, K]`, `b [K, N]`. */
export function matmulInteger(a: Value, b: Value, aZero: Value, bZero?: Value): Value {
  if (a.shape.at(-1) !== b.shape.at(-2)) fail('matmulInteger: expected [..., M, K] and [K, N]', a, b);
  const shape = [...a.shape.slice(0, -1), b.shape.at(-1)!];
  return operation('MatMulInteger', [a, b, aZero, bZero], { type: 'int32', shape });
}

/** Softmax over the last axis. */
export function softmax(x: Value): Value {
  return operation('Softmax', [x], x, { axis: -1 });
}

/** `x · Φ(x)`, with the error function (not its tanh approximation). */
export function gelu(x: Value): Value {
  return operation('Gelu', [x], x, { domain: 'com.microsoft' });
}

/** Normalises the last axis to mean 0 and variance 1, then scales and shifts. */
export function layerNormalisation(x: Value, scale: Value, shift: Value, epsilon: number): Value {
  if (scale.shape.length !== 1 || scale.shape[0] !== x.shape.at(-1)) {
    fail('layerNormalisation: expected a scale as long as the last axis', x, scale);
  }
  return operation('LayerNormalization', [x, scale, shift], x, { axis: -1, epsilon: { float: epsilon } });
}

/** Divides by the root mean square of the last axis, then scales. Source: Zhang and Sennrich (arXiv:1910.07467). */
export function rmsNormalisation(x: Value, scale: Value, epsilon: number): Value {
  if (scale.shape.length !== 1 || scale.shape[0] !== x.shape.at(-1)) {
    fail('rmsNormalisation: expected a scale as long as the last axis', x, scale);
  }
  return operation('SimplifiedLayerNormalization', [x, scale], x, { axis: -1, epsilon: { float: epsilon } });
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
  if (x.shape.length !== 3 || x.shape[2] !== 2 * heads * Number(tables.cos.shape[1])) {
    fail(`rotaryEmbedding: expected [N, L, ${heads}·D] and [R, D/2]`, x, tables.cos);
  }
  return operation('RotaryEmbedding', [x, places, tables.cos, tables.sin], x, {
    domain: 'com.microsoft',
    num_heads: heads,
    interleaved: pairs === 'neighbours' ? 1 : 0,
  });
}

/** Rows of a table `[V, W]` by number: shape of `ids`, then `W`. */
export function gather(table: Value, ids: Value): Value {
  return operation('Gather', [table, ids], {
    type: table.type,
    shape: [...ids.shape, ...table.shape.slice(1)],
  });
}

/**
 * Reorders axes into a new shape.
 *
 * @param shape - The new shape; its numbers and names are what later checks see.
 * @param target - What the operator is told: 0 keeps an axis, -1 is worked out.
 */
export function reshape(x: Value, shape: readonly Axis[], target: readonly number[]): Value {
  if (shape.length !== target.length) {
    throw new RangeError(
      `reshape: expected a target for each of ${shape.length} axes, got ${target.length}.`,
    );
  }
  return operation('Reshape', [x, integers(...target)], { type: x.type, shape });
}

/** {@link reshape} to lengths that are known only when the graph runs: `target` int64 `[rank]`. */
export function reshapeTo(x: Value, shape: readonly Axis[], target: Value): Value {
  if (target.type !== 'int64' || target.shape.join() !== String(shape.length)) {
    fail(`reshapeTo: expected int64[${shape.length}] as target`, target);
  }
  return operation('Reshape', [x, target], { type: x.type, shape });
}

/** Swaps axes: axis `i` of the result is axis `order[i]` of `x`. */
export function transpose(x: Value, order: readonly number[]): Value {
  if (order.length !== x.shape.length) fail(`transpose: expected ${order.length} axes`, x);
  return operation(
    'Transpose',
    [x],
    { type: x.type, shape: order.map((axis) => x.shape[axis]!) },
    { perm: order },
  );
}

/** Elements `[start, end)` of one axis. */
export function slice(x: Value, { axis, start, end }: { axis: number; start: number; end: number }): Value {
  const shape = x.shape.map((length, i) => (i === axis ? end - start : length));
  return operation('Slice', [x, integers(start), integers(end), integers(axis)], { type: x.type, shape });
}

/**
 * {@link slice} between places that are known only when the graph runs: `start` and `end` int64 `[1]`.
 *
 * @param length - The name of the axis' new length.
 */
export function sliceTo(
  x: Value,
  { axis, start, end, length }: { axis: number; start: Value; end: Value; length: Axis },
): Value {
  const shape = x.shape.map((old, i) => (i === axis ? length : old));
  return operation('Slice', [x, start, end, integers(axis)], { type: x.type, shape });
}

/** Joins values along an axis. */
export function concat(values: readonly Value[], axis: number): Value {
  const first = values[0];
  if (!first) throw new RangeError('concat: expected at least one value, got none.');
  const lengths = values.map(({ shape }) => shape[axis]!);
  const numbers = lengths.filter((length) => typeof length === 'number');
  const joined =
    numbers.length === lengths.length ? numbers.reduce((sum, n) => sum + n, 0) : lengths.join('+');
  const shape = first.shape.map((length, i) => (i === axis ? joined : length));
  return operation('Concat', values, { type: first.type, shape }, { axis });
}

const onnxTypes: Readonly<Record<DataType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
};

/** ONNX's number of an element type. */
export const onnxType = (type: DataType): number => onnxTypes[type];

/** The same numbers in another type. */
export function cast(x: Value, type: DataType): Value {
  return x.type === type ? x : operation('Cast', [x], { type, shape: x.shape }, { to: onnxTypes[type] });
}

function unary(type: 'Abs' | 'Sqrt' | 'Round' | 'Sigmoid'): (x: Value) => Value {
  return (x) => operation(type, [x], x);
}

/** `|x|`. */
export const absolute: (x: Value) => Value = unary('Abs');
/** Square root. */
export const squareRoot: (x: Value) => Value = unary('Sqrt');
/** To the nearest whole number, halves to even. */
export const round: (x: Value) => Value = unary('Round');

/** `1 / (1 + exp(-x))`. */
export const sigmoid: (x: Value) => Value = unary('Sigmoid');

function reduce(type: 'ReduceSum' | 'ReduceMax'): (x: Value) => Value {
  return (x) =>
    operation(
      type,
      [x, integers(-1)],
      { type: x.type, shape: [...x.shape.slice(0, -1), 1] },
      { keepdims: 1 },
    );
}

/** Sum over the last axis, which stays with length 1. */
export const sumLast: (x: Value) => Value = reduce('ReduceSum');
/** Largest of the last axis, which stays with length 1. */
export const maxLast: (x: Value) => Value = reduce('ReduceMax');

/** Integers to numbers: `x * scale`, one scale a row of the first axis. */
export function dequantise(x: Value, scale: Value): Value {
  return operation('DequantizeLinear', [x, scale], { type: scale.type, shape: x.shape }, { axis: 0 });
}
