/** The safetensors format: a header that says where each tensor lies, then the tensors. */
import { type FileHandle, open } from 'node:fs/promises';
import { ModelFormatError } from '../errors.ts';
import type { DataType } from '../graph/value.ts';
import { bytesOf } from '../graph/value.ts';
import { halfToFloat } from './half.ts';

/** The position, type and shape of one tensor. */
export interface TensorEntry {
  /** Element type. */
  readonly type: DataType;
  /** Row-major shape. */
  readonly shape: readonly number[];
  /** First byte in the file. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** The tensors of one file, by name. */
export type TensorTable = ReadonlyMap<string, TensorEntry>;

const typeNames: Readonly<Record<string, DataType>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I8: 'int8',
  U8: 'uint8',
  I32: 'int32',
  I64: 'int64',
};

/** Headers are some hundred bytes a tensor; more than this is no header. */
const maxHeaderBytes = 100_000_000;

/**
 * Reads a file's header. @throws ModelFormatError when the file is damaged or holds types that this build cannot read.
 */
export async function readTensorTable(path: string): Promise<TensorTable> {
  return withHeader(path, (header, place) => {
    const entries = Object.entries(header).filter(([name]) => name !== metadataName);
    return new Map(entries.map(([name, entry]) => [name, toEntry({ path, name, ...place }, entry)]));
  });
}

/** Texts about a file by name, from its header; empty where it has none. @throws ModelFormatError when the file is damaged. */
export async function readTensorMetadata(path: string): Promise<Readonly<Record<string, string>>> {
  return withHeader(path, (header) => {
    const metadata = Object.entries(header[metadataName] ?? {});
    return Object.fromEntries(metadata.map(([name, value]) => [name, String(value)]));
  });
}

const metadataName = '__metadata__';

/** Reads a header. @param use - Is given it, and where tensors begin in a file of how many bytes. */
async function withHeader<T>(
  path: string,
  use: (header: Readonly<Record<string, unknown>>, place: { start: number; size: number }) => T,
): Promise<T> {
  const file = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw new ModelFormatError(
      { path, expected: 'a readable file', found: cause.code ?? cause.message },
      { cause },
    );
  });
  try {
    return await parseHeader(path, file, use);
  } finally {
    await file.close();
  }
}

async function parseHeader<T>(
  path: string,
  file: FileHandle,
  use: (header: Readonly<Record<string, unknown>>, place: { start: number; size: number }) => T,
): Promise<T> {
  const { size } = await file.stat();
  const lead = await readBytes(file, 0, 8);
  const headerBytes = lead.length === 8 ? Number(lead.readBigUInt64LE()) : 0;
  if (headerBytes < 2 || headerBytes > Math.min(maxHeaderBytes, size - 8)) {
    throw new ModelFormatError({
      path,
      expected: 'a safetensors header',
      found: `${size} bytes that start with none`,
    });
  }
  const header = parseJson(path, (await readBytes(file, 8, headerBytes)).toString('utf8'));
  return use(header, { start: 8 + headerBytes, size });
}

function parseJson(path: string, text: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw new ModelFormatError({ path, expected: 'a JSON header', found: String(cause) }, { cause });
  }
  if (typeof header === 'object' && header !== null && !Array.isArray(header))
    return header as Record<string, unknown>;
  throw new ModelFormatError({ path, expected: 'a JSON object as header', found: text.slice(0, 40) });
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const areCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount);

function toEntry(
  { path, name, start, size }: { path: string; name: string; start: number; size: number },
  entry: unknown,
): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  const type = typeof dtype === 'string' && Object.hasOwn(typeNames, dtype) ? typeNames[dtype] : undefined;
  if (!type) {
    const known = Object.keys(typeNames).join(', ');
    throw new ModelFormatError({ path, expected: `tensor "${name}" of type ${known}`, found: String(dtype) });
  }
  if (!areCounts(shape) || !areCounts(offsets) || offsets.length !== 2) {
    const found = `shape ${JSON.stringify(shape)}, data_offsets ${JSON.stringify(offsets)}`;
    throw new ModelFormatError({ path, expected: `whole numbers for tensor "${name}"`, found });
  }
  const [from = 0, to = 0] = offsets;
  const length = shape.reduce((product, axis) => product * axis, 1) * bytesOf[type];
  if (to - from !== length || start + to > size) {
    const found = `bytes ${from} to ${to} of ${size - start}`;
    throw new ModelFormatError({ path, expected: `${length} bytes for tensor "${name}"`, found });
  }
  return { type, shape, offset: start + from, length };
}

async function readBytes(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) return buffer.subarray(0, done);
    done += bytesRead;
  }
  return buffer;
}

/** Reads one tensor's bytes. */
export async function readTensorBytes(path: string, { offset, length }: TensorEntry): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    return await readBytes(file, offset, length);
  } finally {
    await file.close();
  }
}

/** A tensor's numbers as float32; 8-bit integers keep their values. */
export function toFloat32(bytes: Uint8Array, type: DataType): Float32Array {
  const copy = new Uint8Array(bytes).buffer; // a Buffer's own slice would be a view of its pool
  switch (type) {
    case 'float32':
      return new Float32Array(copy);
    case 'float16':
      return new Float32Array(new Uint16Array(copy)).map(halfToFloat);
    case 'bfloat16': {
      const words = new Uint32Array(new Uint16Array(copy)).map((half) => half << 16);
      return new Float32Array(words.buffer);
    }
    case 'int8':
      return new Float32Array(new Int8Array(copy));
    case 'uint8':
      return new Float32Array(new Uint8Array(copy));
    default:
      throw new TypeError(`toFloat32: expected a floating or 8-bit type, got ${type}.`);
  }
}

/** A tensor to write. */
export interface NamedTensor {
  readonly name: string;
  readonly type: 'F32' | 'F16' | 'BF16' | 'I8' | 'U8';
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A whole file of tensors, each aligned to 8 bytes. */
export function toSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const sized = tensors.map((tensor) => ({ ...tensor, length: tensor.bytes.length }));
  return Buffer.concat([toSafetensorsHeader(sized, metadata), ...tensors.map(({ bytes }) => bytes)]);
}

/** The start of a file, behind which the tensors' bytes stand one after another. @param tensors - `length` in bytes. */
export function toSafetensorsHeader(
  tensors: readonly (Omit<NamedTensor, 'bytes'> & { readonly length: number })[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const header: Record<string, unknown> = { [metadataName]: metadata };
  let at = 0;
  for (const { name, type, shape, length } of tensors) {
    header[name] = { dtype: type, shape, data_offsets: [at, at + length] };
    at += length;
  }
  const json = JSON.stringify(header);
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const lead = Buffer.alloc(8);
  lead.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([lead, text]);
}
