/** The file that holds a model's trained parts of the readout, beside `blockrank.json`, which names it as `heads`. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelFormatError } from '../errors.ts';
import {
  type HeadSizes,
  headShapes,
  listShapes,
  projectionNames,
  type ReadoutHeads,
  toHeads,
} from '../readout/heads.ts';
import {
  readTensorBytes,
  readTensorTable,
  type TensorTable,
  toFloat32,
  toSafetensors,
} from '../weights/safetensors.ts';

/** Trained parts as a folder holds them. */
export interface HeadsFile {
  /** The parts. */
  readonly heads: ReadoutHeads;
  /** SHA-256 of the file, hexadecimal: it names what changes rankings and no state. */
  readonly digest: string;
}

/**
 * Reads trained parts.
 *
 * @param width - Values a vector of the model.
 * @throws ModelFormatError when the file is missing or damaged, or its tensors are not those of this model.
 */
export async function readHeads(folder: string, file: string, width: number): Promise<HeadsFile> {
  const path = join(folder, file);
  const table = await readTensorTable(path);
  const sizes = sizesOf(table, width);
  assertShapes(path, table, sizes);
  const tensors = new Map<string, { data: Float32Array }>();
  for (const [name, entry] of table) {
    const data = toFloat32(await readTensorBytes(path, entry), entry.type);
    assertFinite(path, name, data);
    tensors.set(name, { data });
  }
  const digest = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  return { heads: toHeads(sizes, tensors), digest };
}

/** Trained parts as the bytes of a file that {@link readHeads} reads. @param tensors - By the names of `headShapes`. */
export function toHeadsFile(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>,
): Uint8Array {
  const named = [...tensors].map(([name, { shape, data }]) => ({
    name,
    type: 'F32' as const,
    shape,
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  }));
  return toSafetensors(named, { format: 'blockrank-heads' });
}

/** What the tensors say of themselves; their shapes are checked against it. */
function sizesOf(table: TensorTable, width: number): HeadSizes {
  const lastAxis = (name: string): number => table.get(name)?.shape.at(-1) ?? 0;
  const ranks = Object.fromEntries(projectionNames.map((name) => [`${name}Rank`, lastAxis(`${name}.down`)]));
  const listed = Object.keys(listShapes).some((name) => table.has(`list.${name}`));
  return {
    width,
    ...(ranks as Pick<HeadSizes, 'readingRank' | 'anchorRank' | 'tokenRank'>),
    // A layer that lacks the tensor which tells its width is caught as one that lacks a tensor.
    listWidth: listed ? Math.max(1, lastAxis('list.hidden')) : 0,
  };
}

const floats: readonly string[] = ['float32', 'float16', 'bfloat16'];

function assertShapes(path: string, table: TensorTable, sizes: HeadSizes): void {
  const shapes = headShapes(sizes);
  for (const [name, shape] of shapes) {
    const found = table.get(name);
    if (found?.shape.join() === shape.join() && floats.includes(found.type)) continue;
    throw new ModelFormatError({
      path,
      expected: `tensor "${name}" of shape [${shape}] and type ${floats.join(', ')}`,
      found: found ? `[${found.shape}] of ${found.type}` : 'none',
    });
  }
  const unknown = [...table.keys()].find((name) => !shapes.has(name));
  if (unknown === undefined) return;
  throw new ModelFormatError({
    path,
    expected: [...shapes.keys()].join(', ') || 'trained parts',
    found: `tensor "${unknown}"`,
  });
}

function assertFinite(path: string, name: string, data: Float32Array): void {
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at === -1) return;
  throw new ModelFormatError({ path, expected: `finite numbers in tensor "${name}"`, found: `${data[at]}` });
}
