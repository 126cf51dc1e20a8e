/** Writes trained layers into a model folder, in the form of the file that they came from. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { changeManifest } from '../../model/change-manifest.ts';
import { scaleName } from '../../weights/quantise.ts';
import { type NamedTensor, readTensorTable, type TensorTable } from '../../weights/safetensors.ts';
import {
  floatTensor,
  type Numbers,
  quantisedTensors,
  replaceWeights,
  storedTensor,
} from '../../weights/tensor-files.ts';
import type { TrainedTensors } from '../trainer/trainee.ts';
import type { LayerModel } from './encoder-layer-model.ts';

/**
 * Copies the model's folder and puts trained layers in the place of those that they started from. A matrix that the file
 * holds as 8-bit integers is rounded to such again, with a scale for as many numbers as before; every other tensor becomes
 * float32. What was fitted to the layers before is left out: probabilities of relevance, precedents, and that smaller depths tell which
 * documents to drop. At a smaller depth the same layers read queries and documents from then on, as in training.
 */
export async function saveLayers(
  { path, layersFile, depth, fullDepth }: Pick<LayerModel, 'path' | 'layersFile' | 'depth' | 'fullDepth'>,
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
    else written.push(await storedTensor(source, name, entry));
  }
  await replaceWeights(join(folder, layersFile), written);
  await leaveOutFitted(folder, depth === fullDepth ? undefined : depth);
}

/** @param depth - The number of layers that were trained; undefined for all that there are. */
function leaveOutFitted(folder: string, depth: number | undefined): Promise<void> {
  return changeManifest(folder, ({ depths = {}, ...manifest }) => {
    if (depth === undefined) {
      // Smaller depths follow the layers before: they can be read, but cannot tell any more what these will say.
      const read = Object.entries(depths).map(([layers, own]) => [
        layers,
        { ...own, dropping: undefined, queries: undefined },
      ]);
      return { ...manifest, relevance: undefined, precedents: undefined, depths: Object.fromEntries(read) };
    }
    const trained = { ...depths[depth], relevance: undefined, queries: undefined };
    return { ...manifest, depths: { ...depths, [depth]: trained } };
  });
}

const isScaleOf = (name: string, tensors: TrainedTensors): boolean =>
  name.endsWith(scaleName('')) && tensors.has(name.slice(0, -scaleName('').length));

function toFileForm(name: string, tensor: Numbers, table: TensorTable): NamedTensor[] {
  const scale = table.get(scaleName(name));
  if (!scale) return [floatTensor(name, tensor)];
  return quantisedTensors(name, tensor, scale.length / Float32Array.BYTES_PER_ELEMENT, scale.shape);
}
