/** Random weights of decoders, in a file of their own. */
import { open, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DecoderConfig } from '../../engine/network/decoder-config.ts';
import { decoderWeights } from '../../engine/network/decoder-weights.ts';
import { floatToHalf } from '../../engine/weights/half.ts';
import type { WeightEntry, WeightTable } from '../../engine/weights/weight-table.ts';

/** What a weight may be stored as here. */
export type StoredType = 'float32' | 'float16' | 'bfloat16';

/** Options of {@link randomDecoderWeights}. */
export interface RandomWeightsOptions {
  /** Where the file is written. */
  readonly folder: string;
  /** What it holds. */
  readonly type: StoredType;
  /**
   * Whether all layers lie over the bytes of the first one: 1 GB in place of 14 for the shape of Mistral-7B. Each layer
   * is still loaded for itself, so that time and memory are those of different layers. @defaultValue false
   */
  readonly sharesLayers?: boolean;
}

/** Numbers that are written over and over; a prime count, so that no two rows are the same. */
const pattern = 1_000_003;

/** Bytes of one number. */
const bytesOf: Readonly<Record<StoredType, number>> = { float32: 4, float16: 2, bfloat16: 2 };

/** Writes weights and says where each lies. */
export async function randomDecoderWeights(
  config: DecoderConfig,
  { folder, type, sharesLayers = false }: RandomWeightsOptions,
): Promise<WeightTable> {
  const file = `${config.architecture}-${config.layers}.${type}`;
  const table = new Map<string, WeightEntry>();
  const offsets = new Map<string, number>();
  let bytes = 0;
  for (const [name, shape] of decoderWeights(config)) {
    const length = bytesOf[type] * shape.reduce((product, axis) => product * axis, 1);
    const place = sharesLayers ? name.replace(/^model\.layers\.\d+\./, 'model.layers.0.') : name;
    const offset = offsets.get(place) ?? bytes;
    if (!offsets.has(place)) bytes += length;
    offsets.set(place, offset);
    table.set(name, { type, shape, offset, length, file });
  }
  await writeRandomNumbers(join(folder, file), { type, bytes, amplitude: 0.03 });
  return table;
}

/** Writes numbers from `-amplitude` to `amplitude`. */
export async function writeRandomNumbers(
  path: string,
  {
    type,
    bytes,
    amplitude,
  }: { readonly type: StoredType; readonly bytes: number; readonly amplitude: number },
): Promise<void> {
  const floats = Float32Array.from(
    { length: pattern },
    (_, i) => amplitude * Math.sin(i * 12.9898 + i ** 1.5),
  );
  const { buffer } = toType(floats, type);
  const target = await open(path, 'w');
  for (let at = 0; at < bytes; at += buffer.byteLength) {
    await target.writeFile(new Uint8Array(buffer, 0, Math.min(buffer.byteLength, bytes - at)));
  }
  await target.close();
}

function toType(floats: Float32Array<ArrayBuffer>, type: StoredType): Float32Array | Uint16Array {
  if (type === 'float32') return floats;
  if (type === 'float16') return Uint16Array.from(floats, floatToHalf);
  return Uint16Array.from(new Uint32Array(floats.buffer), (bits) => bits >>> 16);
}

/** A folder in memory where there is one with so much room, else the system's own for temporary files. */
export async function scratchRoot(bytes: number): Promise<string> {
  const memory = '/dev/shm';
  const { bavail, bsize } = await statfs(memory).catch(() => ({ bavail: 0, bsize: 0 })); // no such folder: no Linux
  return bavail * bsize > bytes ? memory : tmpdir();
}
