/** Rows of a model's token-embedding table, read from its weights file as they are needed. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { ModelFormatError } from '../errors.ts';
import { type GgufFile, readGguf } from '../weights/gguf.ts';
import { scaleName } from '../weights/quantise.ts';
import { readTensorBytes, toFloat32 } from '../weights/safetensors.ts';
import { readWeightTable, type WeightEntry, type WeightTable } from '../weights/weight-table.ts';

/** A table of one row a token. */
export interface TokenRows {
  /** Rows. */
  readonly count: number;
  /** Values a row. */
  readonly width: number;
  /** The rows of these tokens, each a view of `width` values that is not to be changed. @throws RangeError for an id without one. */
  rowsOf(ids: readonly number[]): Promise<ReadonlyMap<number, Float32Array>>;
}

/** A stored table: where it lies, and how its bytes become numbers. */
interface StoredTable {
  readonly path: string;
  readonly offset: number;
  readonly count: number;
  readonly width: number;
  readonly rowBytes: number;
  /** Numbers of whole rows; `first` is the row that the bytes begin with. */
  readonly toFloats: (bytes: Uint8Array, first: number) => Float32Array;
}

/** Names of the table in checkpoints: BERT-like encoders, and Llama-like decoders. */
const tableName = /(^|\.)(word_embeddings|embed_tokens)\.weight$/;

/** Bytes of one read: it brings neighbouring rows of common tokens together. */
const pageBytes = 1 << 16;
/** Most bytes of rows that are kept, as float32: a small model's whole table, and the common part of a large one's. */
const keptBytes = 64 * 1024 * 1024;

/**
 * Opens the table of a Hugging Face folder (float32, float16, bfloat16, or int8 with scales) or of a GGUF file (any format
 * that the weights reader knows). Only the file's head is read.
 *
 * @throws ModelFormatError when there is no such table.
 */
export async function openTokenRows(model: string): Promise<TokenRows> {
  const stored = model.endsWith('.gguf')
    ? ggufTable(await readGguf(model))
    : await safetensorsTable(model, await readWeightTable(model));
  return pagedRows(stored);
}

function pagedRows(stored: StoredTable): TokenRows {
  const { path, offset, count, width, rowBytes, toFloats } = stored;
  const rowsAPage = Math.max(1, Math.floor(pageBytes / rowBytes));
  const pages = new LRUCache<number, Float32Array>({
    maxSize: keptBytes,
    // A page of a very wide table may exceed the whole cache; such a page is read each time.
    sizeCalculation: ({ byteLength }) => byteLength,
  });
  const read = async (page: number): Promise<Float32Array> => {
    const first = page * rowsAPage;
    const length = Math.min(rowsAPage, count - first) * rowBytes;
    const entry = { type: 'uint8', shape: [], offset: offset + first * rowBytes, length } as const;
    const floats = toFloats(await readTensorBytes(path, entry), first);
    pages.set(page, floats);
    return floats;
  };
  return {
    count,
    width,
    async rowsOf(ids) {
      const rows = new Map<number, Float32Array>();
      for (const id of ids) {
        if (!(id >= 0 && id < count)) {
          throw new RangeError(`rowsOf: expected ids below ${count}, the rows of "${path}", got ${id}.`);
        }
        if (rows.has(id)) continue;
        const page = Math.floor(id / rowsAPage);
        const floats = pages.get(page) ?? (await read(page));
        const at = (id - page * rowsAPage) * width;
        rows.set(id, floats.subarray(at, at + width));
      }
      return rows;
    },
  };
}

async function safetensorsTable(folder: string, table: WeightTable): Promise<StoredTable> {
  const [name, entry] = [...table].find(([tensor]) => tableName.test(tensor)) ?? [];
  if (name === undefined || !entry) throw missing(folder);
  const [count, width] = matrixShape(folder, name, entry.shape);
  const path = join(folder, entry.file);
  const toFloats = await readerOf(folder, { name, entry, scales: table.get(scaleName(name)) });
  return { path, offset: entry.offset, count, width, rowBytes: entry.length / count, toFloats };
}

async function readerOf(
  folder: string,
  table: { readonly name: string; readonly entry: WeightEntry; readonly scales: WeightEntry | undefined },
): Promise<StoredTable['toFloats']> {
  const { name, entry, scales: stored } = table;
  if (/^b?float/.test(entry.type)) return (bytes) => toFloat32(bytes, entry.type);
  if (entry.type !== 'int8' || !stored) {
    throw new ModelFormatError({
      path: join(folder, entry.file),
      expected: `tensor "${name}" of a floating type, or int8 with "${scaleName(name)}"`,
      found: entry.type,
    });
  }
  const scales = toFloat32(await readTensorBytes(join(folder, stored.file), stored), stored.type);
  const [count = 1, width = 0] = entry.shape;
  const scalesARow = scales.length / count;
  const run = width / scalesARow;
  return (bytes, first) => {
    const floats = toFloat32(bytes, 'int8');
    return floats.map((value, i) => value * scales[first * scalesARow + Math.floor(i / run)]!);
  };
}

function ggufTable({ path, tensors }: GgufFile): StoredTable {
  const [name, tensor] = [...tensors].find(([one]) => tableName.test(one)) ?? [];
  if (name === undefined || !tensor) throw missing(path);
  const { format, shape, offset, length } = tensor;
  const [count, width] = matrixShape(path, name, shape);
  return { path, offset, count, width, rowBytes: length / count, toFloats: format.toFloats };
}

function matrixShape(path: string, name: string, shape: readonly number[]): readonly [number, number] {
  const [count = 0, width = 0] = shape;
  if (shape.length === 2 && count > 0 && width > 0) return [count, width];
  throw new ModelFormatError({
    path,
    expected: `tensor "${name}" of shape [tokens, width]`,
    found: JSON.stringify(shape),
  });
}

function missing(path: string): ModelFormatError {
  const found = existsSync(path) ? 'none' : 'no such path';
  return new ModelFormatError({ path, expected: 'a tensor of token embeddings', found });
}
