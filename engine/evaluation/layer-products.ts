/** How many products a token takes: counted, not measured. */
import { depthsOf, modelAtDepth } from '../model/depth.ts';
import { modelFamily } from '../model/family.ts';
import { defaultModelFolder, openModelFolder } from '../model/folder.ts';
import { readEncoderConfig } from '../model/read-encoder-config.ts';
import { layersWorth, matrixMultiplyAdds } from '../network/multiply-adds.ts';

/** Multiply-adds of one token in the matrices of an encoder. Attention is left out, a twentieth at 128 tokens. */
export interface LayerProducts {
  /** Of one of the model's own layers. */
  readonly layer: number;
  /** Of all layers, by depth. */
  readonly atDepth: ReadonlyMap<number, number>;
}

/**
 * Counts those of a model. Of a decoder there are none, whose requests say nothing of their depth.
 *
 * @param path - Model folder. @defaultValue the model that comes with the package
 * @throws ModelFormatError when the folder holds no model.
 */
export async function layerProducts(path: string = defaultModelFolder()): Promise<LayerProducts> {
  if ((await modelFamily(path)) !== 'encoder') return { layer: 0, atDepth: new Map() };
  const folder = await openModelFolder(path);
  const config = await readEncoderConfig(path);
  const layer = matrixMultiplyAdds(config);
  const atDepth = new Map<number, number>();
  for (const depth of depthsOf(folder.manifest, config))
    atDepth.set(depth, layer * layersWorth((await modelAtDepth(folder, config, depth)).config));
  return { layer, atDepth };
}
