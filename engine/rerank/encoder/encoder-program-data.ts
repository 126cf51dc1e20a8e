/** What the workers of an encoder are given, from the model and the options. */
import { join } from 'node:path';
import { defaultCacheFolder } from '../../cache-folder.ts';
import { layerPrefix, type ModelAtDepth } from '../../model/depth.ts';
import type { Precision } from '../../network/encoder.ts';
import { type WeightFile, weightsFor } from '../../weights/precision-weights.ts';
import type { RerankerOptions } from '../reranker-options.ts';
import type { EncoderPlaces } from './encoder-places.ts';
import type { EncoderProgramData } from './encoder-program.ts';

/** Weights and budgets; without residual, gates and exit. @throws ModelFormatError when the weights cannot be read. */
export async function toProgramData(
  options: RerankerOptions,
  model: ModelAtDepth,
  { processorPrecision: precision, queryPrecision }: EncoderPlaces,
): Promise<EncoderProgramData> {
  const { manifest, path, digest } = model.folder;
  const weights = await weightsOf(options, model, precision);
  const hasQueryForm = queryPrecision !== precision;
  return {
    tokenizerPath: join(path, 'tokenizer.json'),
    config: model.config,
    weights,
    modelDigest: digest,
    precision,
    ...(hasQueryForm && {
      queries: { precision: queryPrecision, weights: await weightsOf(options, model, queryPrecision) },
    }),
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

function weightsOf(
  { cacheFolder = defaultCacheFolder() }: RerankerOptions,
  { folder: { path, digest }, layersFile }: ModelAtDepth,
  precision: Precision,
): Promise<WeightFile> {
  const replaced = layersFile === undefined ? {} : { replaced: { file: layersFile, prefix: layerPrefix } };
  return weightsFor(precision, { folder: path, file: 'model.safetensors', digest, ...replaced }, cacheFolder);
}
