/** Writes an encoder's shape and float32 weights to a folder. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EncoderConfig, toEncoderConfigJson } from '../../network/encoder-config.ts';
import { toSafetensors } from '../../weights/safetensors.ts';
import { floatTensor } from '../../weights/tensor-files.ts';
import type { TrainedTensors } from '../trainer/trainee.ts';

/** Writes `config.json` and `model.safetensors`; the folder is made when it is not there. */
export async function saveEncoder(
  folder: string,
  config: EncoderConfig,
  tensors: TrainedTensors,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const named = [...tensors].map(([name, tensor]) => floatTensor(name, tensor));
  await writeFile(join(folder, 'model.safetensors'), toSafetensors(named, { format: 'blockrank' }));
  await writeFile(
    join(folder, 'config.json'),
    `${JSON.stringify(toEncoderConfigJson(config), undefined, 2)}\n`,
  );
}
