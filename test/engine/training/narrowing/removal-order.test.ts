import { Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { normalNumber, seededRandom } from '../../../../engine/evaluation/random.ts';
import { fitMatrix } from '../../../../engine/training/narrowing/fit-matrix.ts';
import { removalOrder, withRidge } from '../../../../engine/training/narrowing/removal-order.ts';

const random = seededRandom(7);
const normal = (rows: number, columns: number): Matrix =>
  Matrix.from1DArray(
    rows,
    columns,
    Array.from({ length: rows * columns }, () => normalNumber(random)),
  );
const gram = (rows: Matrix): Float64Array =>
  Float64Array.from(rows.transpose().mmul(rows).div(rows.rows).to1DArray());

const [n, W] = [8, 3];
const values = normal(50, n);
const part = {
  covariance: gram(values),
  gain: gram(normal(5, W)),
  matrix: Float32Array.from(normal(W, n).to1DArray()),
};

/** `trace(gain · error · covariance · errorᵀ)` of the best matrix that reads some of the values alone. */
function lossOf(kept: readonly number[]): number {
  const whole = { matrix: part.matrix, bias: new Float32Array(W) };
  const moments = { mean: new Float64Array(n), covariance: part.covariance };
  const fitted = kept.length === 0 ? new Float32Array() : fitMatrix(whole, moments, kept).matrix;
  const error = Matrix.from1DArray(W, n, part.matrix).clone();
  for (let w = 0; w < W; w += 1)
    for (const [at, value] of kept.entries())
      error.set(w, value, error.get(w, value) - fitted[w * kept.length + at]!);
  const covariance = Matrix.from1DArray(n, n, withRidge(part.covariance));
  return Matrix.from1DArray(W, W, part.gain).mmul(error.mmul(covariance).mmul(error.transpose())).trace();
}

describe('removalOrder', () => {
  it.each([1, 2, 4])('knows the loss of the best matrix that reads what is left, in units of %d', (unit) => {
    const { order, losses } = removalOrder({ ...part, unit });
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n / unit }, (_, u) => u));
    for (let gone = 0; gone <= n / unit; gone += 1) {
      const left = order.slice(gone).flatMap((u) => Array.from({ length: unit }, (_, i) => u * unit + i));
      expect(losses[gone]).toBeCloseTo(lossOf(left.sort((a, b) => a - b)), 4);
    }
  });

  it('removes first what costs least', () => {
    const { order } = removalOrder({ ...part, unit: 1 });
    const all = Array.from({ length: n }, (_, i) => i);
    const alone = all.map((gone) => lossOf(all.filter((value) => value !== gone)));
    expect(order[0]).toBe(alone.indexOf(Math.min(...alone)));
  });

  it('removes one of two that say the same for next to nothing', () => {
    const twin = values.clone();
    for (let row = 0; row < twin.rows; row += 1) twin.set(row, 5, 2 * twin.get(row, 2));
    const { order, losses } = removalOrder({ ...part, covariance: gram(twin), unit: 1 });
    expect([2, 5]).toContain(order[0]);
    expect(losses[1]).toBeLessThan(losses[2]! / 20);
  });
});

describe('fitMatrix', () => {
  it('gives what the whole matrix gave where the values that are gone follow from the others', () => {
    const mean = Float64Array.of(1, -2, 3);
    const spread = normal(400, 2);
    const read = Matrix.zeros(400, 3);
    for (let row = 0; row < 400; row += 1) {
      const [a, b] = [spread.get(row, 0), spread.get(row, 1)];
      read.setRow(row, [1 + a, -2 + b, 3 + a - b]);
    }
    const centred = read.clone().subRowVector([...mean]);
    const whole = { matrix: Float32Array.of(1, 2, 3, -1, 0, 2), bias: Float32Array.of(0.5, -0.5) };
    const { matrix, bias } = fitMatrix(whole, { mean, covariance: gram(centred) }, [0, 1]);
    const before = read
      .mmul(Matrix.from1DArray(2, 3, whole.matrix).transpose())
      .addRowVector([...whole.bias]);
    const after = read
      .subMatrix(0, 399, 0, 1)
      .mmul(Matrix.from1DArray(2, 2, matrix).transpose())
      .addRowVector([...bias]);
    expect(after.sub(before).abs().max()).toBeLessThan(0.05); // what the ridge takes
  });
});
