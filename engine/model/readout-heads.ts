/** The file that holds a model's trained parts of the readout, beside `blockrank.json`, which names it as `heads`. */
import { join } from 'node:path';
import {
  type HeadSizes,
  headShapes,
  listShapes,
  projectionNames,
  type ReadoutHeads,
  toHeads,
} from '../readout/heads.ts';
import { fileDigest } from '../weights/file-digest.ts';
import { readTensorTable, type TensorTable, toSafetensors } from '../weights/safetensors.ts';
import { assertFloatTensors, floatTensor, type Numbers, readFiniteTensor } from '../weights/tensor-files.ts';

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
  const shapes = headShapes(sizes);
  assertFloatTensors(path, table, { shapes, all: [...shapes.keys()].join(', ') || 'trained parts' });
  const tensors = new Map<string, { data: Float32Array }>();
  for (const [name, entry] of table) tensors.set(name, { data: await readFiniteTensor(path, name, entry) });
  return { heads: toHeads(sizes, tensors), digest: await fileDigest(path) };
}

/** Trained parts as the bytes of a file that {@link readHeads} reads. @param tensors - By the names of `headShapes`. */
export function toHeadsFile(tensors: ReadonlyMap<string, Numbers>): Uint8Array {
  const named = [...tensors].map(([name, numbers]) => floatTensor(name, numbers));
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
