/** Writes layers as a smaller depth of a model. */
import { join } from 'node:path';
import { changeManifest } from '../../model/change-manifest.ts';
import type { NamedTensor } from '../../weights/safetensors.ts';
import { floatTensor, quantisedTensors, replaceWeights } from '../../weights/tensor-files.ts';
import type { TrainedTensor, TrainedTensors } from '../trainer/trainee.ts';

/**
 * Writes trained layers as {@link writeDepth} does, matrices as 8-bit integers with one scale a row.
 *
 * @param folder - Model folder, which is changed.
 * @returns the file's path.
 */
export async function saveDepth(folder: string, depth: number, tensors: TrainedTensors): Promise<string> {
  return writeDepth(folder, depth, [...tensors].flatMap(toFileForm));
}

/**
 * Writes `depth-N.safetensors` into the model's folder and names it in blockrank.json, in the place of what was fitted to other
 * layers of that depth.
 *
 * @param folder - Model folder, which is changed.
 * @returns the file's path.
 */
export async function writeDepth(
  folder: string,
  depth: number,
  tensors: readonly NamedTensor[],
): Promise<string> {
  const weights = `depth-${depth}.safetensors`;
  const path = join(folder, weights);
  await replaceWeights(path, tensors);
  await changeManifest(folder, ({ depths, ...manifest }) => ({
    ...manifest,
    depths: { ...depths, [depth]: { weights } },
  }));
  return path;
}

function toFileForm([name, tensor]: readonly [string, TrainedTensor]): NamedTensor[] {
  const [rows = 0, ...columns] = tensor.shape;
  return columns.length === 0 ? [floatTensor(name, tensor)] : quantisedTensors(name, tensor, rows);
}
