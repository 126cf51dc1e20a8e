/** Writes trained layers into a model folder, in the form of the file that they came from. */
import { cp, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quantiseRows, scaleName } from '../../weights/quantise.ts';
import {
  type NamedTensor,
  readTensorBytes,
  readTensorTable,
  type TensorTable,
  toSafetensors,
} from '../../weights/safetensors.ts';
import type { TrainedTensors } from '../trainer/trainee.ts';
import type { LayerModel } from './encoder-layer-model.ts';

/**
 * Copies the model's folder and puts trained layers in the place of those that they started from. A matrix that the file
 * holds as 8-bit integers is rounded to such again, with a scale for as many numbers as before; every other tensor becomes
 * float32.
 */
export async function saveLayers(
  { path, layersFile }: Pick<LayerModel, 'path' | 'layersFile'>,
  folder: string,
  tensors: TrainedTensors,
): Promise<void> {
  await cp(path, folder, { recursive: true });
  const source = join(path, layersFile);
  const table = await readTensorTable(source);
  const written: NamedTensor[] = [];
  for (const [name, entry] of table) {
    if (isScaleOf(name, tensors)) continue;
    const trained = tensors.get(name);
    if (trained) written.push(...toFileForm(name, trained, table));
    else {
      const bytes = await readTensorBytes(source, entry);
      written.push({ name, type: typeNames[entry.type]!, shape: entry.shape, bytes });
    }
  }
  const target = join(folder, layersFile);
  await writeFile(`${target}.part`, toSafetensors(written, { format: 'blockrank' }));
  await rename(`${target}.part`, target);
}

const typeNames: Readonly<Record<string, NamedTensor['type']>> = {
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  int8: 'I8',
  uint8: 'U8',
};

const isScaleOf = (name: string, tensors: TrainedTensors): boolean =>
  name.endsWith(scaleName('')) && tensors.has(name.slice(0, -scaleName('').length));

function toFileForm(
  name: string,
  { shape, data }: { readonly shape: readonly number[]; readonly data: Float32Array },
  table: TensorTable,
): NamedTensor[] {
  const scale = table.get(scaleName(name));
  if (!scale) return [{ name, type: 'F32', shape, bytes: bytesOf(data) }];
  const { values, scales } = quantiseRows(data, scale.length / Float32Array.BYTES_PER_ELEMENT);
  return [
    { name: scaleName(name), type: 'F32', shape: scale.shape, bytes: bytesOf(scales) },
    { name, type: 'I8', shape, bytes: bytesOf(values) },
  ];
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Int8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
