/** A model's weights as float32 in a file, so that every worker maps the same pages. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { dequantiseRows, scaleName } from './quantise.ts';
import { type NamedTensor, readTensorBytes, readTensorTable, type TensorTable, toFloat32, toSafetensors } from './safetensors.ts';

/** Where weights lie. */
export interface WeightFile {
  /** Folder of the file. */
  readonly folder: string;
  /** Its name. */
  readonly file: string;
  /** What is in it. */
  readonly table: TensorTable;
}

/** Changes with what this module writes, so that an older build's file is not taken for this one's. */
const layoutVersion = 1;

/**
 * The weights file of a model folder, all float32: the file itself when it is that already, else a copy written
 * once to the cache folder and named by the model's digest. Several processes may write it at the same time.
 */
export async function float32Weights(
  { folder, file, digest }: { readonly folder: string; readonly file: string; readonly digest: string },
  cacheFolder: string,
): Promise<WeightFile> {
  const source = join(folder, file);
  const table = await readTensorTable(source);
  if ([...table.values()].every(({ type }) => type === 'float32')) return { folder, file, table };
  const name = createHash('sha256').update(`${digest}/${layoutVersion}`).digest('hex').slice(0, 32);
  const cached = `${name}.float32.safetensors`;
  const path = join(cacheFolder, cached);
  const known = existsSync(path) ? await readTensorTable(path).catch(() => undefined) : undefined;
  if (known) return { folder: cacheFolder, file: cached, table: known };
  await mkdir(cacheFolder, { recursive: true });
  await writeAtomically(path, toSafetensors(await expand(source, table), { blockrank: 'float32 copy' }));
  return { folder: cacheFolder, file: cached, table: await readTensorTable(path) };
}

async function expand(path: string, table: TensorTable): Promise<NamedTensor[]> {
  const read = async (name: string): Promise<Float32Array> => {
    const entry = table.get(name)!;
    return toFloat32(await readTensorBytes(path, entry), entry.type);
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

/** Readers see the whole file or none. */
async function writeAtomically(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.${Date.now()}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    await file.writeFile(bytes);
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
