/**
 * Writes a model's weights in the form that a precision multiplies to a file, so that every worker maps the same pages.
 */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedCopy } from './cached-copy.ts';
import { dequantiseRows, quantiseRows, scaleName } from './quantise.ts';
import {
  type NamedTensor,
  readTensorBytes,
  readTensorTable,
  toFloat32,
  toSafetensors,
} from './safetensors.ts';
import type { WeightTable } from './weight-table.ts';

/** A file of weights. */
export interface WeightFile {
  /** Folder of the file. */
  readonly folder: string;
  /** Its name. */
  readonly file: string;
  /** The table of its tensors. */
  readonly table: WeightTable;
}

/** Version of the layout that this module writes, so that an older build's file is not taken for a new one. */
const layoutVersion = 3;

/** The file of a model's own weights. */
export interface WeightSource {
  /** Folder of the file. */
  readonly folder: string;
  /** Its name. */
  readonly file: string;
  /** Digest that names its content, and the layers' where there are some. */
  readonly digest: string;
  /** Tensors that another file has in place of this one's. @defaultValue none */
  readonly replaced?: ReplacedTensors;
}

/** Tensors of another file that stand in for the model's own. */
export interface ReplacedTensors {
  /** Name of the file, in the same folder. */
  readonly file: string;
  /** Start of the names of the model's tensors that are left out. */
  readonly prefix: string;
}

/**
 * The weights of a model folder as a precision multiplies them: float32 matrices for `fp32`, and for `fp16`, whose
 * halves are worked out when a graph is loaded, so that both map the same file; for `int8` the linear layers' as {@link
 * toIntegerLayout} says. The file itself when it has that form already, else a copy written once to the cache folder
 * and named by the model's digest, as {@link cachedCopy} says.
 */
export async function weightsFor(
  precision: 'fp32' | 'int8' | 'fp16',
  source: WeightSource,
  cacheFolder: string,
): Promise<WeightFile> {
  const { folder, file, digest } = source;
  const table = await readSource(source);
  const form = precision === 'int8' ? 'int8' : 'fp32';
  if (form === 'fp32' && [...table.values()].every(({ type }) => type === 'float32')) {
    return { folder, file, table };
  }
  const name = createHash('sha256').update(`${digest}/${layoutVersion}`).digest('hex').slice(0, 32);
  const cached = `${name}.${form}.safetensors`;
  const kept = await cachedCopy({
    folder: cacheFolder,
    name: cached,
    write: async (path) => {
      const floats = await expand(folder, table);
      const tensors = form === 'fp32' ? floats : floats.flatMap(toIntegerLayout);
      await writeFile(path, toSafetensors(tensors, { blockrank: `${form} copy` }));
    },
  });
  return { folder: kept, file: cached, table: await readTable(kept, cached) };
}

async function readSource({ folder, file, replaced }: WeightSource): Promise<WeightTable> {
  const own = await readTable(folder, file);
  if (!replaced) return own;
  const kept = [...own].filter(([name]) => !name.startsWith(replaced.prefix));
  return new Map([...kept, ...(await readTable(folder, replaced.file))]);
}

async function readTable(folder: string, file: string): Promise<WeightTable> {
  const table = await readTensorTable(join(folder, file));
  return new Map([...table].map(([name, entry]) => [name, { ...entry, file }]));
}

/**
 * A linear layer's matrix `[out, in]` as signed 8-bit integers `[in, out]`, with one scale an output; other tensors stay.
 */
function toIntegerLayout(tensor: NamedTensor): NamedTensor[] {
  const [rows, columns] = tensor.shape;
  if (!tensor.name.endsWith('dense.weight') && !/attention\.self\.\w+\.weight$/.test(tensor.name))
    return [tensor];
  if (rows === undefined || columns === undefined) return [tensor];
  const { values, scales } = quantiseRows(new Float32Array(tensor.bytes.buffer), rows);
  const turned = new Int8Array(values.length);
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) turned[c * rows + r] = values[r * columns + c]!;
  }
  return [
    { name: scaleName(tensor.name), type: 'F32', shape: [rows], bytes: new Uint8Array(scales.buffer) },
    { name: tensor.name, type: 'I8', shape: [columns, rows], bytes: new Uint8Array(turned.buffer) },
  ];
}

async function expand(folder: string, table: WeightTable): Promise<NamedTensor[]> {
  const read = async (name: string): Promise<Float32Array> => {
    const entry = table.get(name)!;
    return toFloat32(await readTensorBytes(join(folder, entry.file), entry), entry.type);
  };
  const tensors: NamedTensor[] = [];
  for (const [name, { shape }] of table) {
    if (name.endsWith(scaleName(''))) continue;
    const values = await read(name);
    const whole = table.has(scaleName(name)) ? dequantiseRows(values, await read(scaleName(name))) : values;
    tensors.push({ name, type: 'F32', shape, bytes: new Uint8Array(whole.buffer) });
  }
  return tensors;
}
