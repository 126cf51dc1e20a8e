/** The last matrix of a part that reads fewer values, fitted to give what the whole one gave. */
import { Matrix, solve } from 'ml-matrix';
import type { PartMoments } from './part-moments.ts';
import { withRidge } from './removal-order.ts';

/** A matrix and its bias. */
export interface Affine {
  /** Row-major, `[W, n]`. */
  readonly matrix: Float32Array;
  /** `[W]`. */
  readonly bias: Float32Array;
}

/**
 * Least squares over the tokens that the moments were taken of.
 *
 * @param whole - The matrix that reads all `n` values.
 * @param kept - The values that are left, ascending.
 */
export function fitMatrix(
  { matrix, bias }: Affine,
  { mean, covariance }: Pick<PartMoments, 'mean' | 'covariance'>,
  kept: readonly number[],
): Affine {
  const n = mean.length;
  const W = bias.length;
  const values = Matrix.from1DArray(n, n, withRidge(covariance));
  const all = Array.from({ length: n }, (_, i) => i);
  const rows = Matrix.from1DArray(W, n, matrix);
  const wanted = values.subMatrixRow([...kept], 0, n - 1).mmul(rows.transpose());
  const fitted = solve(values.selection([...kept], [...kept]), wanted).transpose();
  const means = (of: Matrix, indices: readonly number[]): number[] =>
    of.mmul(Matrix.columnVector(indices.map((i) => mean[i]!))).to1DArray();
  const [before, after] = [means(rows, all), means(fitted, kept)];
  return {
    matrix: Float32Array.from(fitted.to1DArray()),
    bias: bias.map((value, w) => value + before[w]! - after[w]!),
  };
}
