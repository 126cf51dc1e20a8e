/** A model's weights over one or several files, by Hugging Face's names. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelFormatError } from '../errors.ts';
import { readTensorTable, type TensorEntry } from './safetensors.ts';

/** The position of one tensor, with its file. */
export interface WeightEntry extends TensorEntry {
  /** File name inside the folder. */
  readonly file: string;
}

/** Every tensor of a model, by name. */
export type WeightTable = ReadonlyMap<string, WeightEntry>;

const singleFile = 'model.safetensors';
const indexFile = 'model.safetensors.index.json';

/**
 * The safetensors files of a folder, in the order of their names. @throws ModelFormatError when the folder has none.
 */
export async function safetensorsFiles(folder: string): Promise<string[]> {
  if (existsSync(join(folder, indexFile))) return shardsOf(join(folder, indexFile));
  if (existsSync(join(folder, singleFile))) return [singleFile];
  throw new ModelFormatError({
    path: folder,
    expected: `${singleFile} or ${indexFile}`,
    found: 'neither',
  });
}

async function shardsOf(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8');
  let map: unknown;
  try {
    map = (JSON.parse(text) as { weight_map?: unknown }).weight_map;
  } catch (cause) {
    throw new ModelFormatError({ path, expected: 'JSON', found: String(cause) }, { cause });
  }
  const files = Object.values((map ?? {}) as Record<string, unknown>);
  if (files.length > 0 && files.every(isFileName)) return [...new Set(files)].sort();
  throw new ModelFormatError({
    path,
    expected: 'a weight_map from tensors to file names of this folder',
    found: JSON.stringify(map).slice(0, 80),
  });
}

const isFileName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && !/[/\\]/.test(value);

/** The table of all tensors of a folder's safetensors files. @throws ModelFormatError */
export async function readWeightTable(folder: string): Promise<WeightTable> {
  const table = new Map<string, WeightEntry>();
  for (const file of await safetensorsFiles(folder)) {
    for (const [name, entry] of await readTensorTable(join(folder, file)))
      table.set(name, { ...entry, file });
  }
  return table;
}
