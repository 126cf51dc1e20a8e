/** The shipped model's shape and its float32 weights. */
import { defaultCacheFolder } from '../../engine/index.ts';
import { defaultModelFolder, openModelFolder } from '../../engine/model/folder.ts';
import { readEncoderConfig } from '../../engine/model/read-encoder-config.ts';
import type { EncoderConfig } from '../../engine/network/encoder-config.ts';
import { type WeightFile, weightsFor } from '../../engine/weights/precision-weights.ts';

/** What a bench builds its own graphs from. */
export interface DefaultModel {
  /** The model's folder. */
  readonly folder: string;
  /** Its network's shape. */
  readonly config: EncoderConfig;
  /** Its weights in float32. */
  readonly weights: WeightFile;
}

/** Opens the model that comes with the package. */
export async function openDefaultModel(): Promise<DefaultModel> {
  const { path: folder, digest } = await openModelFolder(defaultModelFolder());
  const config = await readEncoderConfig(folder);
  const source = { folder, file: 'model.safetensors', digest };
  return { folder, config, weights: await weightsFor('fp32', source, defaultCacheFolder()) };
}
