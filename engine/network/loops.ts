/**
 * Looped layers: a block of layers that is applied several times with the same weights, between layers of their own.
 *
 * Source: Saunshi et al., Reasoning with Latent Thoughts (arXiv:2502.17416), where `(k⊗L)` is a block of `k` layers applied `L`
 * times, and middle looping has layers of their own before and behind it.
 */

/** Numbers of layers with weights of their own. */
export interface LoopBlocks {
  /** Layers before the loop, applied once. At least 0. */
  readonly prefix: number;
  /** Layers of the block that is applied again and again. At least 1. */
  readonly loop: number;
  /** Layers behind the loop, applied once. At least 0. */
  readonly suffix: number;
}

/** What of a network's shape says which layers are applied. */
export interface LoopedShape {
  /** Layers with weights of their own: the sum of the blocks, where there are blocks. */
  readonly layers: number;
  /** The layers that loop. @defaultValue none: each layer is applied once */
  readonly blocks?: LoopBlocks | undefined;
  /** How often the looped block is applied, at least 1. @defaultValue 1 */
  readonly loops?: number | undefined;
}

/** The weights of each applied layer, in order: 0, 1, 2, 1, 2, 3 for blocks of 1, 2 and 1 layers and two loops. */
export function appliedLayers({ layers, blocks, loops = 1 }: LoopedShape): number[] {
  if (!blocks) return rangeOf(0, layers);
  const { prefix, loop, suffix } = layersOfBlocks(blocks);
  return [...prefix, ...Array.from({ length: loops }, () => loop).flat(), ...suffix];
}

/** The layers of each block, by the numbers that their weights have. */
export function layersOfBlocks({ prefix, loop, suffix }: LoopBlocks): Record<keyof LoopBlocks, number[]> {
  return {
    prefix: rangeOf(0, prefix),
    loop: rangeOf(prefix, prefix + loop),
    suffix: rangeOf(prefix + loop, prefix + loop + suffix),
  };
}

const rangeOf = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
