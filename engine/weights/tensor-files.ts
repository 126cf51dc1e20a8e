/** Tensors on their way into safetensors files, and trained ones on their way out. */
import { ModelFormatError } from '../errors.ts';
import type { DataType } from '../graph/value.ts';
import { quantiseRows, scaleName } from './quantise.ts';
import { replaceFile } from './replace-file.ts';
import {
  type NamedTensor,
  readTensorBytes,
  type TensorEntry,
  type TensorTable,
  toFloat32,
  toSafetensors,
} from './safetensors.ts';

/** Numbers with a shape, row-major. */
export interface Numbers {
  /** Lengths. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly data: Float32Array;
}

/** The memory of numbers, byte by byte; nothing is copied. */
export function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Int8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** A float32 tensor to write, over the numbers' own memory. */
export function floatTensor(name: string, { shape, data }: Numbers): NamedTensor {
  return { name, type: 'F32', shape, bytes: bytesOf(data) };
}

/**
 * A matrix to write as 8-bit integers: its scales, and the integers. Order as the files of this project have it.
 *
 * @param rows - As of {@link quantiseRows}: one scale is written for each.
 * @param scaleShape - Of the scales. @defaultValue `[rows]`
 */
export function quantisedTensors(
  name: string,
  { shape, data }: Numbers,
  rows: number,
  scaleShape: readonly number[] = [rows],
): NamedTensor[] {
  const { values, scales } = quantiseRows(data, rows);
  return [
    floatTensor(scaleName(name), { shape: scaleShape, data: scales }),
    { name, type: 'I8', shape, bytes: bytesOf(values) },
  ];
}

const typeNames: { readonly [Type in DataType]?: NamedTensor['type'] } = {
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int8: 'I8',
  uint8: 'U8',
};

/** The format's name of a type that weights are kept in. */
export function typeNameOf(type: DataType): NamedTensor['type'] {
  return typeNames[type]!;
}

/** A tensor of a file, to write as it is. */
export async function storedTensor(path: string, name: string, entry: TensorEntry): Promise<NamedTensor> {
  const bytes = await readTensorBytes(path, entry);
  return { name, type: typeNameOf(entry.type), shape: entry.shape, bytes };
}

/** Puts a file of weights in the place of another: see {@link replaceFile}. */
export function replaceWeights(path: string, tensors: readonly NamedTensor[]): Promise<void> {
  return replaceFile(path, toSafetensors(tensors, { format: 'blockrank' }));
}

const floats: readonly DataType[] = ['float32', 'float16', 'bfloat16'];

/** Whether trained numbers may be kept in a type. */
export const isFloat = (type: DataType): boolean => floats.includes(type);

/**
 * @param shapes - Every tensor that the file must have, by name.
 * @param all - What they are together, for the error that names one besides.
 * @throws ModelFormatError when one is missing, has another shape or no floating type, or when there is another.
 */
export function assertFloatTensors(
  path: string,
  table: TensorTable,
  { shapes, all }: { readonly shapes: ReadonlyMap<string, readonly number[]>; readonly all: string },
): void {
  for (const [name, shape] of shapes) {
    const found = table.get(name);
    if (found?.shape.join() === shape.join() && isFloat(found.type)) continue;
    throw new ModelFormatError({
      path,
      expected: `tensor "${name}" of shape [${shape}] and type ${floats.join(', ')}`,
      found: found ? `[${found.shape}] of ${found.type}` : 'none',
    });
  }
  const unknown = [...table.keys()].find((name) => !shapes.has(name));
  if (unknown === undefined) return;
  throw new ModelFormatError({ path, expected: all, found: `tensor "${unknown}"` });
}

/** Numbers of a tensor. @throws ModelFormatError when one is not finite. */
export async function readFiniteTensor(
  path: string,
  name: string,
  entry: TensorEntry,
): Promise<Float32Array> {
  const data = toFloat32(await readTensorBytes(path, entry), entry.type);
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at === -1) return data;
  throw new ModelFormatError({
    path,
    expected: `finite numbers in tensor "${name}"`,
    found: `${data[at]}`,
  });
}
