/** Values of the expression graph: what an operation gives, with its type and shape. Nothing is computed here. */
import type { OperationType } from './operation-types.ts';

/** Element types, by their usual names. */
export type DataType = 'float32' | 'float16' | 'bfloat16' | 'int8' | 'uint8' | 'int32' | 'int64' | 'bool';

/** One axis: a length, or the name of one that is known only when the graph runs. */
export type Axis = number | string;

/** The length of two axes in one: a number where both are, else both names. */
export const times = (a: Axis, b: Axis): Axis =>
  typeof a === 'number' && typeof b === 'number' ? a * b : `${a}·${b}`;

/** The length of two axes one behind the other: a number where both are, else both names. */
export const plus = (a: Axis, b: Axis): Axis =>
  typeof a === 'number' && typeof b === 'number' ? a + b : `${a}+${b}`;

/** A tensor that lies in a file. */
export interface FileSlice {
  /** File name inside the model folder. */
  readonly location: string;
  /** First byte. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** Attributes of an operation. Whole numbers are written as ONNX ints unless wrapped as `{ float }`. */
export type Attribute = number | { readonly float: number } | readonly number[] | string;

/** Where a value comes from. */
export type Origin =
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'constant'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly name: string; readonly slice: FileSlice }
  | { readonly kind: 'operation'; readonly operation: Operation; readonly output: number };

/** Type and shape of a value. */
export interface Form {
  /** Element type. */
  readonly type: DataType;
  /** One entry an axis. */
  readonly shape: readonly Axis[];
}

/** One operation: an ONNX operator, its inputs and attributes. */
export interface Operation {
  /** ONNX operator type. */
  readonly type: OperationType;
  /** Inputs in the operator's order; `undefined` leaves an optional one out. */
  readonly inputs: readonly (Value | undefined)[];
  /** Attributes by name. */
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** One an output; `undefined` leaves an optional one out. */
  readonly forms: readonly (Form | undefined)[];
}

/** A value of the graph. */
export interface Value extends Form {
  /** Where it comes from. */
  readonly origin: Origin;
}

/** A value that is fed when the graph runs. */
export function input(name: string, type: DataType, shape: readonly Axis[]): Value {
  return { type, shape, origin: { kind: 'input', name } };
}

/** Numbers written into the graph. @throws RangeError when their count is not the shape's. */
export function constant(
  values: Float32Array | Int32Array | BigInt64Array | Uint8Array | Int8Array,
  shape: readonly number[],
): Value {
  const count = shape.reduce((product, axis) => product * axis, 1);
  if (values.length !== count) {
    throw new RangeError(`constant: expected ${count} values for shape [${shape}], got ${values.length}.`);
  }
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { type: typeOf(values), shape, origin: { kind: 'constant', bytes } };
}

/** A tensor in a file. @throws RangeError when its length is not the shape's. */
export function fileTensor(
  name: string,
  { type, shape }: { readonly type: DataType; readonly shape: readonly number[] },
  slice: FileSlice,
): Value {
  const bytes = shape.reduce((product, axis) => product * axis, 1) * bytesOf[type];
  if (slice.length !== bytes) {
    throw new RangeError(`fileTensor: expected ${bytes} bytes for "${name}", got ${slice.length}.`);
  }
  return { type, shape, origin: { kind: 'file', name, slice } };
}

/** One number of type float32. */
export function scalar(value: number): Value {
  return constant(Float32Array.of(value), []);
}

/** A list of int64, as shapes and axes are given to operators. */
export function integers(...values: number[]): Value {
  return constant(BigInt64Array.from(values, BigInt), [values.length]);
}

/** What {@link integers} was given; undefined for numbers that are known only when the graph runs. */
export function integersOf({ type, origin }: Value): number[] | undefined {
  if (type !== 'int64' || origin.kind !== 'constant') return undefined;
  const { buffer, byteOffset, byteLength } = origin.bytes;
  return Array.from(new BigInt64Array(buffer, byteOffset, byteLength / 8), Number);
}

/** Bytes of one element. */
export const bytesOf: Readonly<Record<DataType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  uint8: 1,
  int32: 4,
  int64: 8,
  bool: 1,
};

function typeOf(values: Float32Array | Int32Array | BigInt64Array | Uint8Array | Int8Array): DataType {
  if (values instanceof Float32Array) return 'float32';
  if (values instanceof Int32Array) return 'int32';
  if (values instanceof BigInt64Array) return 'int64';
  return values instanceof Uint8Array ? 'uint8' : 'int8';
}
