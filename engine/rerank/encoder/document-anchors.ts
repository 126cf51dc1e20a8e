/** One vector a document, whatever its blocks. */
import type { BlockState } from '../../contract.ts';
import { normalised } from '../../readout/vectors.ts';

/**
 * The anchor of a document of one block, the mean direction of the anchors of several; zeros where they cancel each other.
 *
 * @returns Row-major, shape `[documents, width]`; rows have length 1.
 */
export function documentAnchors(states: readonly BlockState[], width: number): Float32Array {
  const rows = new Float32Array(states.length * width);
  for (const [i, { anchors }] of states.entries()) rows.set(directionOf(anchors, width), i * width);
  return rows;
}

function directionOf(anchors: Float32Array, width: number): Float32Array | Float64Array {
  if (anchors.length === width) return anchors;
  const sum = new Float64Array(width);
  for (let i = 0; i < anchors.length; i += 1) sum[i % width]! += anchors[i]!;
  return normalised(sum);
}
