/** What the workers of an encoder are given, from the model and the options. */
import { join } from 'node:path';
import { defaultCacheFolder } from '../../cache-folder.ts';
import { layerPrefix, type ModelAtDepth } from '../../model/depth.ts';
import { weightsFor } from '../../weights/precision-weights.ts';
import type { RerankerOptions } from '../reranker-options.ts';
import type { EncoderPlaces } from './encoder-places.ts';
import type { EncoderProgramData } from './encoder-program.ts';

/** Weights and budgets; without residual and gates. @throws ModelFormatError when the weights cannot be read. */
export async function toProgramData(
  options: RerankerOptions,
  { folder, config, layersFile }: ModelAtDepth,
  places: EncoderPlaces,
): Promise<EncoderProgramData> {
  const { manifest, path, digest } = folder;
  const replaced = layersFile === undefined ? {} : { replaced: { file: layersFile, prefix: layerPrefix } };
  const precision = places.processorPrecision;
  const weights = await weightsFor(
    precision,
    { folder: path, file: 'model.safetensors', digest, ...replaced },
    options.cacheFolder ?? defaultCacheFolder(),
  );
  return {
    tokenizerPath: join(path, 'tokenizer.json'),
    config,
    weights,
    modelDigest: digest,
    precision,
    instruction: manifest.instruction,
    caps: {
      ...manifest.caps,
      maxDocumentTokens: options.maxDocumentTokens ?? manifest.caps.maxDocumentTokens,
      maxDocumentBlocks: options.maxDocumentBlocks ?? manifest.caps.maxDocumentBlocks,
      maxQueryTokens: options.maxQueryTokens ?? manifest.caps.maxQueryTokens,
    },
    tier: options.tier ?? 'tokens',
    threads: options.threads ?? 1,
    prepack: options.prepack ?? true,
  };
}
