/** Writes the folder of a decoder whose weights were trained. */
import { cp, mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DecoderManifest, toDecoderManifestJson } from '../../../model/decoder-manifest.ts';
import { readTensorBytes, toSafetensorsHeader } from '../../../weights/safetensors.ts';
import { bytesOf, typeNameOf } from '../../../weights/tensor-files.ts';
import type { TrainedTensor } from '../../trainer/trainee.ts';
import type { DecoderModel } from './decoder-model.ts';

/**
 * Copies configuration and tokenizer, and writes `blockrank.json` and one file of all weights: trained ones in float32, the
 * others as they were.
 *
 * @param folder - New.
 */
export async function saveDecoder(
  folder: string,
  { folder: source, scoring }: DecoderModel,
  trained: ReadonlyMap<string, TrainedTensor>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const entry of await readdir(source.path, { withFileTypes: true })) {
    const isWeights = entry.name.includes('.safetensors') || entry.name.endsWith('.bin');
    if (entry.isFile() && !isWeights) await cp(join(source.path, entry.name), join(folder, entry.name));
  }
  const manifest: DecoderManifest = { ...source.manifest, scoring };
  await writeFile(
    join(folder, 'blockrank.json'),
    `${JSON.stringify(toDecoderManifestJson(manifest), undefined, 2)}\n`,
  );
  await writeWeights(join(folder, 'model.safetensors'), source.weights, trained);
}

/** The header first, then tensor by tensor: all weights at once may be more than the memory holds. */
async function writeWeights(
  path: string,
  { table, folder }: DecoderModel['folder']['weights'],
  trained: ReadonlyMap<string, TrainedTensor>,
): Promise<void> {
  const tensors = [...table].map(([name, entry]) => {
    const own = trained.get(name);
    const type = own ? 'F32' : typeNameOf(entry.type);
    const length = own ? own.data.byteLength : entry.length;
    return { name, type, shape: entry.shape, length, entry, own } as const;
  });
  const file = await open(path, 'w');
  try {
    await file.writeFile(toSafetensorsHeader(tensors, { format: 'pt' }));
    for (const { entry, own } of tensors) {
      const bytes = own ? bytesOf(own.data) : await readTensorBytes(join(folder, entry.file), entry);
      await file.writeFile(bytes);
    }
  } finally {
    await file.close();
  }
}
