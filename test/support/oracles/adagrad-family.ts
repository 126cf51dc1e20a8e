/** AdaGrad with a diagonal and with a full matrix, in float64: what one-sided Shampoo is compared with. */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';

/** A step of one matrix, written as one vector. */
export type AdaGradStep = (x: Float64Array, gradient: ArrayLike<number>, rate: number) => void;

/** `x -= rate · g / √(Σ g² + ε)`. */
export function diagonalAdaGrad(size: number, epsilon = 1e-10): AdaGradStep {
  const sums = new Float64Array(size);
  return (x, gradient, rate) => {
    for (let i = 0; i < size; i += 1) {
      sums[i]! += gradient[i]! ** 2;
      x[i]! -= (rate * gradient[i]!) / Math.sqrt(sums[i]! + epsilon);
    }
  };
}

/** `x -= rate · (Σ g gᵀ + εI)^(-1/2) g`, with `size²` numbers of state. */
export function fullMatrixAdaGrad(size: number, epsilon = 1e-10): AdaGradStep {
  const sums = Matrix.zeros(size, size);
  return (x, gradient, rate) => {
    const g = Matrix.columnVector(Array.from(gradient));
    sums.add(g.mmul(g.transpose()));
    const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(sums, {
      assumeSymmetric: true,
    });
    const turned = eigenvectorMatrix.transpose().mmul(g);
    const scaled = turned
      .to1DArray()
      .map((value, i) => value / Math.sqrt(Math.max(0, realEigenvalues[i]!) + epsilon));
    const direction = eigenvectorMatrix.mmul(Matrix.columnVector(scaled)).to1DArray();
    for (let i = 0; i < size; i += 1) x[i]! -= rate * direction[i]!;
  };
}
