/**
 * Writes rows of vectors as bytes, and reads them.
 *
 * - `fp16`: IEEE half precision, relative error at most 2^-11;
 * - `int8`: one float32 scale a row, all scales first, then one byte a value, error at most half a scale.
 */

import { sharedFloats } from '../session/shared-floats.ts';
import { narrowFloats, widenHalves } from '../weights/half.ts';
import { quantiseRows } from '../weights/quantise.ts';

/** The precision of stored values. */
export type StatePrecision = 'fp16' | 'int8';

/** The position of a matrix in a state's bytes, and its shape. */
export interface RowsLayout {
  /** Offset of the first byte; a multiple of 4. */
  readonly at: number;
  /** Vectors. */
  readonly rows: number;
  /** Values a vector. */
  readonly width: number;
}

/** Number of bytes that vectors take. */
export function rowsBytes(precision: StatePrecision, rows: number, width: number): number {
  return precision === 'fp16' ? 2 * rows * width : rows * (Float32Array.BYTES_PER_ELEMENT + width);
}

/** Writes vectors; the vectors of each part follow those of the part before. */
export function writeRows(
  bytes: Uint8Array,
  layout: RowsLayout,
  precision: StatePrecision,
  parts: readonly Float32Array[],
): void {
  const { at, rows, width } = layout;
  const { buffer } = bytes;
  if (precision === 'fp16') {
    const halves = new Uint16Array(buffer, at, rows * width);
    let next = 0;
    for (const part of parts) {
      narrowFloats(part, halves, next);
      next += part.length;
    }
    return;
  }
  const scales = new Float32Array(buffer, at, rows);
  const integers = new Int8Array(buffer, at + scales.byteLength, rows * width);
  let row = 0;
  for (const part of parts) {
    const quantised = quantiseRows(part, part.length / width);
    scales.set(quantised.scales, row);
    integers.set(quantised.values, row * width);
    row += quantised.scales.length;
  }
}

/** Reads `count` vectors from `first` on, into shared memory: workers read them later without a copy. */
export function readRows(
  bytes: Uint8Array,
  { at, rows, width }: RowsLayout,
  precision: StatePrecision,
  { first, count }: { readonly first: number; readonly count: number },
): Float32Array {
  const { buffer } = bytes;
  const values = sharedFloats(count * width);
  const start = first * width;
  // Plain loops: a list of candidates has millions of values, and a request waits for them.
  if (precision === 'fp16') {
    const halves = new Uint16Array(buffer, at, rows * width);
    widenHalves(halves.subarray(start, start + values.length), values);
    return values;
  }
  const scales = new Float32Array(buffer, at, rows);
  const integers = new Int8Array(buffer, at + scales.byteLength, rows * width);
  for (let row = 0; row < count; row += 1) {
    const scale = scales[first + row]!;
    for (let i = row * width; i < (row + 1) * width; i += 1) values[i] = integers[start + i]! * scale;
  }
  return values;
}
