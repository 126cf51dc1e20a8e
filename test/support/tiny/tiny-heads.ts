/** Trained parts of a readout with random numbers, as a training may leave them. */
import { type HeadSizes, headShapes, type ReadoutHeads, toHeads } from '../../../engine/readout/heads.ts';
import { randomNumbers } from './tiny-states.ts';

/** A part of each kind. */
export const tinyHeadSizes = (width: number): HeadSizes => ({
  width,
  readingRank: 2,
  anchorRank: 3,
  tokenRank: 2,
  listWidth: 4,
});

/** Tensors by name; `scale` is the largest number in them. */
export function tinyHeadTensors(
  sizes: HeadSizes,
  { seed = 5, scale = 0.5 }: { readonly seed?: number; readonly scale?: number } = {},
): Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }> {
  const next = randomNumbers(seed);
  return new Map(
    [...headShapes(sizes)].map(([name, shape]) => {
      const count = shape.reduce((product, axis) => product * axis, 1);
      return [name, { shape, data: Float32Array.from({ length: count }, () => scale * next()) }];
    }),
  );
}

/** The same as the readout reads them. */
export const tinyHeads = (width: number): ReadoutHeads =>
  toHeads(tinyHeadSizes(width), tinyHeadTensors(tinyHeadSizes(width)));
