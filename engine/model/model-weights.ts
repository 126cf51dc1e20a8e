/** The weights of a model at a depth. */
import { defaultCacheFolder } from '../cache-folder.ts';
import type { Precision } from '../network/encoder-builder.ts';
import { type WeightFile, weightsFor } from '../weights/precision-weights.ts';
import type { ModelAtDepth } from './depth.ts';
import { layerPrefix } from './depth-layers.ts';

/**
 * Where they lie: as they are, or as a copy in another form.
 *
 * @param cacheFolder - Where copies are kept. @defaultValue `BLOCKRANK_CACHE`, else `~/.cache/blockrank`
 * @throws ModelFormatError when they cannot be read.
 */
export function modelWeights(
  precision: Precision,
  { folder: { path, digest }, layersFile }: Pick<ModelAtDepth, 'folder' | 'layersFile'>,
  cacheFolder: string = defaultCacheFolder(),
): Promise<WeightFile> {
  const replaced = layersFile === undefined ? {} : { replaced: { file: layersFile, prefix: layerPrefix } };
  return weightsFor(precision, { folder: path, file: 'model.safetensors', digest, ...replaced }, cacheFolder);
}
