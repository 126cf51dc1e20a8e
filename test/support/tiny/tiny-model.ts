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
import { tinyReadout } from './tiny-states.ts';

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
