/** The inverse square root of a symmetric matrix. */
import { EigenvalueDecomposition, type Matrix } from 'ml-matrix';

/**
 * `(L + ε·λI)^(-1/2)` by eigen-decomposition, where `λ` is the largest eigenvalue of `L`.
 *
 * `L` may lack rank, and rounding may have made small eigenvalues negative: they count as 0, so that no direction is
 * stretched by more than `(ε·λ)^(-1/2)`. Because `ε` is a share of `λ`, gradients in another unit give the same steps.
 *
 * @param statistics - `L`, symmetric, finite; shape `[d, d]`.
 * @param epsilon - `ε`, > 0.
 * @returns The root, symmetric; zeros when `L` has no eigenvalue above 0.
 */
export function inverseRoot(statistics: Matrix, epsilon: number): Matrix {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(statistics, {
    assumeSymmetric: true,
  });
  const largest = Math.max(0, ...realEigenvalues);
  const scales = realEigenvalues.map((value) =>
    largest === 0 ? 0 : 1 / Math.sqrt(Math.max(value, 0) + epsilon * largest),
  );
  return eigenvectorMatrix.mmulByTranspose(scales);
}
