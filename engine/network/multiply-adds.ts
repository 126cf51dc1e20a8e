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
