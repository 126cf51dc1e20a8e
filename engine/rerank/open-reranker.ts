/** Opens a reranker over a model folder, whatever its family. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Reranker } from '../contract.ts';
import { ggufPath } from '../model/decoder-folder.ts';
import { defaultModelFolder } from '../model/folder.ts';
import { readJson } from '../model/manifest.ts';
import { isDecoderConfig } from '../network/decoder-config.ts';
import { openDecoderReranker } from './open-decoder-reranker.ts';
import { openEncoderReranker } from './open-encoder-reranker.ts';
import type { RerankerOptions } from './reranker-options.ts';

/**
 * Opens a reranker: an encoder of the `cacheable` profile, or a decoder of the `in-context` profile, by what the
 * folder's `config.json` says.
 *
 * @throws ConfigurationError listing every option that cannot be. @throws ModelFormatError when the folder is no model.
 * @throws InferenceError when the runtime cannot load it, or the device is not there.
 */
export async function openReranker(options: RerankerOptions = {}): Promise<Reranker> {
  const family = await modelFamily(options.model);
  return family === 'decoder' ? openDecoderReranker(options) : openEncoderReranker(options);
}

/**
 * Which family a model folder holds; what is no decoder is opened as an encoder, which then says what is missing.
 *
 * @param model - The folder. @defaultValue the model that comes with the package
 */
export async function modelFamily(model: string = defaultModelFolder()): Promise<'encoder' | 'decoder'> {
  if (ggufPath(model)) return 'decoder';
  const config = join(model, 'config.json');
  return existsSync(config) && isDecoderConfig(await readJson(config)) ? 'decoder' : 'encoder';
}
