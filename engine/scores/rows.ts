/** Rows of embeddings. */
import type { Embeddings } from '../contract.ts';

/** How many rows there are. */
export const rowCount = ({ width, rows }: Embeddings): number => (width === 0 ? 0 : rows.length / width);

/** Row `i`, a view. */
export const rowAt = ({ width, rows }: Embeddings, i: number): Float32Array =>
  rows.subarray(i * width, (i + 1) * width);

/** Every row as a view: loops over pairs of rows then make no views. */
export const viewsOf = (embeddings: Embeddings): readonly Float32Array[] =>
  Array.from({ length: rowCount(embeddings) }, (_, i) => rowAt(embeddings, i));

/** The named rows, copied, in that order. */
export function pickRows(embeddings: Embeddings, indexes: readonly number[]): Embeddings {
  const rows = new Float32Array(indexes.length * embeddings.width);
  for (const [i, index] of indexes.entries()) rows.set(rowAt(embeddings, index), i * embeddings.width);
  return { width: embeddings.width, rows };
}

/** Rows of length 1; rows of zeros stay. */
export function unitRows(embeddings: Embeddings): Embeddings {
  const rows = Float32Array.from(embeddings.rows);
  for (let i = 0; i < rowCount(embeddings); i += 1) {
    const row = rows.subarray(i * embeddings.width, (i + 1) * embeddings.width);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (length > 0) for (let k = 0; k < row.length; k += 1) row[k]! /= length;
  }
  return { width: embeddings.width, rows };
}

/** Squared distance of two vectors of one length; a number above `beyond` where it is larger than that. */
export function squaredDistance(
  a: Float32Array,
  b: Float32Array,
  beyond: number = Number.POSITIVE_INFINITY,
): number {
  let sum = 0;
  for (let from = 0; from < a.length && sum <= beyond; from += 16) {
    const to = Math.min(from + 16, a.length);
    for (let k = from; k < to; k += 1) sum += (a[k]! - b[k]!) ** 2;
  }
  return sum;
}

/** Mean of the named rows, in float32. */
export function meanRow(embeddings: Embeddings, indexes: Iterable<number>): Float32Array {
  const sum = new Float64Array(embeddings.width);
  let count = 0;
  for (const index of indexes) {
    const row = rowAt(embeddings, index);
    for (let k = 0; k < sum.length; k += 1) sum[k]! += row[k]!;
    count += 1;
  }
  return Float32Array.from(sum, (value) => value / Math.max(1, count));
}
