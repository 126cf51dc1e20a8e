/** How many products and sums an encoder's layers take: counted, not measured. */
import { type EncoderConfig, type LayerSizes, layerSizes } from './encoder-config.ts';
import { appliedLayers } from './loops.ts';

/** Multiply-adds of one token in the matrices of one layer: four of `W x W` and two of `W x F`. */
export function matrixMultiplyAdds({
  width: W,
  innerWidth: F,
}: Pick<EncoderConfig, 'width' | 'innerWidth'>): number {
  return 4 * W * W + 2 * W * F;
}

/**
 * Multiply-adds of some layers over one block: the matrices of each token, and for attention each token with each, twice.
 *
 * @param tokens - Of the block, without padding.
 */
export function multiplyAdds(
  config: Pick<EncoderConfig, 'width' | 'innerWidth'>,
  tokens: number,
  layers: number,
): number {
  return layers * tokens * (matrixMultiplyAdds(config) + 2 * tokens * config.width);
}

/**
 * How many whole layers' matrices take as many multiply-adds as those of all layers that are applied: as many as there are, or
 * fewer where these are narrow.
 */
export function layersWorth(config: EncoderConfig): number {
  const all = appliedLayers(config).reduce(
    (sum, layer) => sum + ofLayer(config, layerSizes(config, layer)),
    0,
  );
  return all / matrixMultiplyAdds(config);
}

/**
 * {@link layersWorth} where the anchors alone are wanted: in the last layer every token gives a key and a value, and the first
 * token everything else, which is not counted.
 */
export function anchorLayers(config: EncoderConfig): number {
  const last = layerSizes(config, appliedLayers(config).at(-1)!);
  const spared = ofLayer(config, last) - 2 * config.width * valuesOf(config, last);
  return layersWorth(config) - spared / matrixMultiplyAdds(config);
}

/** Values of all heads of a layer. */
const valuesOf = ({ width, heads }: EncoderConfig, own: LayerSizes): number => (width / heads) * own.heads;

const ofLayer = (config: EncoderConfig, own: LayerSizes): number =>
  4 * config.width * valuesOf(config, own) + 2 * config.width * own.innerWidth;
