/** From a batch's vectors in one piece to each block's own. */

import type { EncodedBlock } from '../../states/encoded-block.ts';
import { sharedFloats } from '../../states/shared-floats.ts';
import { widenHalves } from '../../weights/half.ts';

/** Some blocks of a batch. */
export interface BatchPart {
  /** Every token's vector of the batch, padding included, row-major; halves as their bits. */
  readonly rows: Float32Array | Uint16Array;
  /** Vectors a block in `rows`. */
  readonly rowsPerBlock: number;
  /** Values a vector. */
  readonly width: number;
  /** The part's first block. */
  readonly first: number;
  /** Tokens of each block of the part. */
  readonly lengths: readonly number[];
}

/**
 * Anchor and tokens of each block as float32, in shared memory of its own: a state that stays in a cache keeps no
 * other's memory, and goes back to a worker without a copy.
 */
export function cutStates({ rows, rowsPerBlock, width, first, lengths }: BatchPart): EncodedBlock[] {
  return lengths.map((length, b) => {
    const start = (first + b) * rowsPerBlock * width;
    return {
      anchor: sharedCopy(rows.subarray(start, start + width)),
      tokens: sharedCopy(rows.subarray(start, start + length * width)),
    };
  });
}

/** A copy as float32 in shared memory. */
export function sharedCopy(values: Float32Array | Uint16Array): Float32Array {
  const copy = sharedFloats(values.length);
  if (values instanceof Uint16Array) widenHalves(values, copy);
  else copy.set(values);
  return copy;
}
