/** How many products and sums an encoder's layers take: counted, not measured. */
import type { EncoderConfig } from '../../engine/network/encoder-config.ts';

/**
 * Multiply-adds of some layers over one block: four matrices of `W x W` and two of `W x F` a token, and for attention each
 * token with each, twice.
 *
 * @param tokens - Of the block, without padding.
 */
export function multiplyAdds(
  { width: W, innerWidth: F }: Pick<EncoderConfig, 'width' | 'innerWidth'>,
  tokens: number,
  layers: number,
): number {
  return layers * tokens * (4 * W * W + 2 * W * F + 2 * tokens * W);
}
