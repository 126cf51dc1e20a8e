/** How many products and sums an encoder's layers take: counted, not measured. */
import type { EncoderConfig } from './encoder-config.ts';

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
 * How many layers' products of tokens the anchors alone take: in the last layer every token gives a key and a value, and the
 * first token everything else, which is not counted.
 *
 * @param layers - Of the network, at least 1.
 */
export function anchorLayers(
  { width: W, innerWidth }: Pick<EncoderConfig, 'width' | 'innerWidth'>,
  layers: number,
): number {
  return layers - 1 + (2 * W * W) / matrixMultiplyAdds({ width: W, innerWidth });
}
