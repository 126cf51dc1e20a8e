/** Products of float32 vectors, summed in float64. */

/**
 * Dot product of row `i` of one matrix with row `j` of another.
 *
 * @param width - Values a row of both.
 */
export function dotRows(
  { rows: a, row: i }: { readonly rows: Float32Array; readonly row: number },
  { rows: b, row: j }: { readonly rows: Float32Array; readonly row: number },
  width: number,
): number {
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

/** A copy of `vector` with length 1; a zero vector stays zero. */
export function normalised(vector: Float64Array): Float64Array {
  const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
  return norm === 0 ? vector.slice() : vector.map((value) => value / norm);
}
