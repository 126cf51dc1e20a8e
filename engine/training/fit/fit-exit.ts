/** Fits an exit: from what it reads behind an early layer to the anchor behind the last. */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import type { ExitProjection } from '../../network/encoder-cut.ts';

/** Blocks of training texts; `N` blocks, `W` width of an anchor, `F` what an exit reads. */
export interface ExitSamples {
  /** What the exit reads, row-major, shape `[N, F]`. */
  readonly features: Float32Array;
  /** Anchors of the same blocks, row-major, shape `[N, W]`. */
  readonly anchors: Float32Array;
  /** Values an anchor, `W`. */
  readonly width: number;
}

/** Penalty that is not fitted, but chosen: see the model card. */
export const defaultExitPenalty = 0.1;

/**
 * Ridge regression with an intercept.
 *
 * @param penalty - Added to the diagonal of the features' scatter, as a share of its mean; above 0, so that there is one
 *   solution however few blocks there are. @defaultValue 0.1
 * @throws RangeError when there are no blocks, or the two do not hold equally many.
 */
export function fitExit(
  { features, anchors, width }: ExitSamples,
  penalty: number = defaultExitPenalty,
): ExitProjection {
  const N = anchors.length / width;
  const F = features.length / N;
  if (!(Number.isInteger(N) && N > 0 && Number.isInteger(F)))
    throw new RangeError(
      `fitExit: expected features and anchors of the same blocks, got ${features.length} and ${anchors.length} numbers.`,
    );
  const [x, meanX] = centred(features, F);
  const [y, meanY] = centred(anchors, width);
  const scatter = x.transpose().mmul(x);
  const ridge = (penalty * scatter.trace()) / F;
  for (let f = 0; f < F; f += 1) scatter.set(f, f, scatter.get(f, f) + ridge);
  // One column an output: the projection's rows.
  const solved = new CholeskyDecomposition(scatter).solve(x.transpose().mmul(y));
  const projection = new Float32Array(width * F);
  const bias = Float32Array.from(meanY);
  for (let w = 0; w < width; w += 1) {
    for (let f = 0; f < F; f += 1) {
      projection[w * F + f] = solved.get(f, w);
      bias[w]! -= solved.get(f, w) * meanX[f]!;
    }
  }
  return { projection, bias };
}

function centred(rows: Float32Array, columns: number): [Matrix, readonly number[]] {
  const matrix = Matrix.from1DArray(rows.length / columns, columns, rows);
  const means = matrix.mean('column');
  return [matrix.subRowVector(means), means];
}
