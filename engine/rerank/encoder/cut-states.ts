/** From a batch's vectors in one piece to each block's own. */

import { sharedCopy, sharedFloats } from '../../session/shared-floats.ts';
import type { EncodedBlock } from '../../states/encoded-block.ts';
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
      anchor: sharedRows(rows.subarray(start, start + width)),
      tokens: sharedRows(rows.subarray(start, start + length * width)),
    };
  });
}

function sharedRows(rows: BatchPart['rows']): Float32Array {
  if (rows instanceof Float32Array) return sharedCopy(rows);
  const copy = sharedFloats(rows.length);
  widenHalves(rows, copy);
  return copy;
}
