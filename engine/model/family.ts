/** Tells which network a model folder holds. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDecoderConfig } from '../network/decoder-config.ts';
import { isCrossEncoderFolder } from './cross-encoder-folder.ts';
import { defaultModelFolder } from './folder.ts';
import { ggufPath } from './gguf-path.ts';
import { readJson } from './read-json.ts';

/** Whether a folder holds a decoder: a GGUF file, or the `config.json` of a decoder. */
export async function isDecoderFolder(model: string): Promise<boolean> {
  if (ggufPath(model)) return true;
  const config = join(model, 'config.json');
  return existsSync(config) && isDecoderConfig(await readJson(config));
}

/** What kind of network a model is. */
export type ModelFamily = 'encoder' | 'decoder' | 'cross-encoder';

/**
 * The family of a model. Any folder without a decoder counts as an encoder; opening that says what is missing.
 *
 * @param model - The folder. @defaultValue the model that comes with the package
 */
export async function modelFamily(model: string = defaultModelFolder()): Promise<ModelFamily> {
  if (isCrossEncoderFolder(model)) return 'cross-encoder';
  return (await isDecoderFolder(model)) ? 'decoder' : 'encoder';
}
