/** A tiny complete model folder: the weights of the bert-tiny fixture with a manifest. */
import { cp, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type NamedTensor,
  readTensorBytes,
  readTensorTable,
  toSafetensors,
} from '../../../engine/weights/safetensors.ts';
import { bytesOf } from '../../../engine/weights/tensor-files.ts';
import { tinyReadout } from './tiny-states.ts';

/** Width of the model, and values of one of its heads. */
const [width, headSize] = [48, 12];

/** Writes the folder to a temporary path and gives the path. `manifest` replaces properties of blockrank.json. */
export async function tinyModel(manifest: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'blockrank-tiny-'));
  await cp(fileURLToPath(new URL('../../fixtures/bert-tiny', import.meta.url)), folder, { recursive: true });
  const whole = {
    formatVersion: 1,
    name: 'tiny',
    family: 'encoder',
    profile: 'cacheable',
    languages: ['en'],
    instruction: 'find: ',
    caps: { maxDocumentTokens: 32, maxDocumentBlocks: 3, blockOverlapTokens: 4, maxQueryTokens: 16 },
    readout: tinyReadout,
    fusionWeight: 0.2,
    ...manifest,
  };
  await writeFile(join(folder, 'blockrank.json'), JSON.stringify(whole));
  return folder;
}

/**
 * Writes layers 0 and 2 of the model as a file `two.safetensors` of two layers into its folder, for a manifest with
 * `depths: { 2: { weights: 'two.safetensors' } }`.
 *
 * @param chosen - Which layers, from the bottom.
 */
export async function addTinyDepth(
  folder: string,
  chosen: readonly number[] = [0, 2],
  file = 'two.safetensors',
): Promise<void> {
  const path = join(folder, 'model.safetensors');
  const tensors: NamedTensor[] = [];
  for (const [name, entry] of await readTensorTable(path)) {
    const [, layer, rest] = /^encoder\.layer\.(\d+)\.(.*)$/.exec(name) ?? [];
    const at = chosen.indexOf(Number(layer));
    if (layer === undefined || at < 0) continue;
    const bytes = await readTensorBytes(path, entry);
    tensors.push({ name: `encoder.layer.${at}.${rest}`, type: 'F32', shape: entry.shape, bytes });
  }
  await writeFile(join(folder, file), toSafetensors(tensors, {}));
}

/** What remains of one layer: heads, and inner values, by number. */
export interface KeptUnits {
  readonly heads: readonly number[];
  readonly inner: readonly number[];
}

/**
 * Leaves heads and inner values out of the layers of the model's own file. As `narrow`, their rows and columns are gone, in a file `narrow.safetensors`
 * beside it; as `zero`, what they give is 0, in the model's own file: both compute the same.
 *
 * @param kept - One a layer.
 */
export async function leaveOutUnits(
  folder: string,
  kept: readonly KeptUnits[],
  form: 'narrow' | 'zero',
): Promise<void> {
  const path = join(folder, 'model.safetensors');
  const tensors: NamedTensor[] = [];
  for (const [name, entry] of await readTensorTable(path)) {
    const bytes = await readTensorBytes(path, entry);
    const [, layer, rest] = /^encoder\.layer\.(\d+)\.(.*)$/.exec(name) ?? [];
    if (layer === undefined) {
      if (form === 'zero') tensors.push({ name, type: 'F32', shape: entry.shape, bytes });
      continue;
    }
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    const { heads, inner } = kept[Number(layer)]!;
    const ofHeads = heads.flatMap((head) => Array.from({ length: headSize }, (_, i) => head * headSize + i));
    const left = rest!.startsWith('attention.') ? ofHeads : inner;
    tensors.push(withoutOthers({ name, shape: entry.shape, values }, left, form));
  }
  const file = form === 'narrow' ? 'narrow.safetensors' : 'model.safetensors';
  await writeFile(join(folder, file), toSafetensors(tensors, {}));
}

interface LayerTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** One tensor without the rows, or columns, that are not left. */
function withoutOthers(
  { name, shape, values }: LayerTensor,
  left: readonly number[],
  form: 'narrow' | 'zero',
): NamedTensor {
  const tensor = (own: readonly number[], data: Float32Array): NamedTensor => ({
    name,
    type: 'F32',
    shape: own,
    bytes: bytesOf(data),
  });
  const columns = values.length / shape[0]!;
  if (/\.(self\.\w+|intermediate\.dense)\.(weight|bias)$/.test(name)) {
    if (form === 'zero') return tensor(shape, values);
    const rows = left.flatMap((row) => [...values.subarray(row * columns, (row + 1) * columns)]);
    return tensor(shape.with(0, left.length), Float32Array.from(rows));
  }
  if (!name.endsWith('output.dense.weight')) return tensor(shape, values);
  if (form === 'zero')
    return tensor(
      shape,
      values.map((value, i) => (left.includes(i % columns) ? value : 0)),
    );
  const rows = Array.from({ length: width }, (_, row) =>
    left.map((column) => values[row * columns + column]!),
  );
  return tensor([width, left.length], Float32Array.from(rows.flat()));
}
