/** Products and distances of vectors, summed in float64. */

/** A row of a matrix. */
export interface Row {
  /** The matrix, row-major. */
  readonly rows: Float32Array | Float64Array;
  /** Index of the row. */
  readonly row: number;
}

/**
 * Dot product of row `i` of one matrix with row `j` of another.
 *
 * @param width - Values a row of both.
 */
export function dotRows({ rows: a, row: i }: Row, { rows: b, row: j }: Row, width: number): number {
  const p = i * width;
  const q = j * width;
  // Four sums, so that the additions do not wait for each other.
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let k = 0;
  for (; k + 3 < width; k += 4) {
    s0 += a[p + k]! * b[q + k]!;
    s1 += a[p + k + 1]! * b[q + k + 1]!;
    s2 += a[p + k + 2]! * b[q + k + 2]!;
    s3 += a[p + k + 3]! * b[q + k + 3]!;
  }
  for (; k < width; k += 1) s0 += a[p + k]! * b[q + k]!;
  return s0 + s1 + (s2 + s3);
}

/** Whether the squared distance of two rows is at most `limit`; for most distant rows a few values decide. */
export function isNearer(
  { rows: a, row: i }: Row,
  { rows: b, row: j }: Row,
  width: number,
  limit: number,
): boolean {
  let sum = 0;
  for (let k = 0; k < width && sum <= limit; k += 1) sum += (a[i * width + k]! - b[j * width + k]!) ** 2;
  return sum <= limit;
}

/** A copy of `vector` with length 1; a zero vector stays zero. */
export function normalised(vector: Float64Array): Float64Array {
  const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return norm === 0 ? vector.slice() : vector.map((value) => value / norm);
}
