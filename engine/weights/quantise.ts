/** Matrices as 8-bit integers with one scale a row, and back. */

/** A matrix as integers: `values[r, c] * scales[r]`. */
export interface QuantisedMatrix {
  /** Row-major, in [-127, 127]. */
  readonly values: Int8Array;
  /** One a row. */
  readonly scales: Float32Array;
}

/** The name of the tensor that holds the scales of a matrix. */
export const scaleName = (matrix: string): string => `${matrix}_scale`;

/**
 * Rounds each row to 255 symmetric steps over its largest magnitude. A matrix cut into groups of columns is the same
 * as one with as many rows as there are groups.
 */
export function quantiseRows(matrix: Float32Array, rows: number): QuantisedMatrix {
  const columns = matrix.length / rows;
  const values = new Int8Array(matrix.length);
  const scales = new Float32Array(rows);
  for (let r = 0; r < rows; r += 1) {
    const row = matrix.subarray(r * columns, (r + 1) * columns);
    const largest = row.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const scale = largest === 0 ? 1 : largest / 127;
    scales[r] = scale;
    for (let c = 0; c < columns; c += 1) values[r * columns + c] = Math.round(row[c]! / scale);
  }
  return { values, scales };
}

/** The matrix that {@link quantiseRows} rounded. */
export function dequantiseRows(values: Float32Array, scales: Float32Array): Float32Array {
  const columns = values.length / scales.length;
  const matrix = new Float32Array(values.length);
  // Plain loops: a model has tens of millions of weights, and a reader waits for them.
  for (let r = 0; r < scales.length; r += 1) {
    const scale = scales[r]!;
    for (let i = r * columns; i < (r + 1) * columns; i += 1) matrix[i] = values[i]! * scale;
  }
  return matrix;
}
