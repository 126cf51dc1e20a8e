import { describe, expect, it } from 'vitest';
import {
  type BatchLossOptions,
  batchLoss,
  seededRandom,
  startTower,
  tableGradient,
  vectorsOf,
} from '../../../../engine/laboratory.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { spread } from '../../../support/checks/gradient-check.ts';

const [B, width] = [5, 3];

/** Central differences of a function of numbers that it may change for a while. */
const differences = (numbers: Float32Array, lossAt: () => number): Float32Array =>
  numbers.map((value, i) => {
    const step = 1 / 128;
    numbers[i] = value + step;
    const up = lossAt();
    numbers[i] = value - step;
    const down = lossAt();
    numbers[i] = value;
    return (up - down) / (2 * step);
  });

const close = (actual: Float32Array, expected: Float32Array): void =>
  assertAllClose(actual, expected, { rtol: 1e-3, atol: 1e-5 });

/** Query 0 must not push documents 2 and 3 away, and marks its own, which stays all the same. */
const maskOf = (k: number, mask: Uint8Array): void => {
  if (k === 0) mask.set([1, 0, 1, 1, 0]);
};

describe('batchLoss', () => {
  const vectors = () => ({
    queries: spread(B * width, [-1, 2]),
    documents: spread(B * width, [-2, 1]).reverse(),
    width,
  });

  it.each<[string, BatchLossOptions]>([
    ['alone', { temperature: 1 }],
    ['flat', { temperature: 4 }],
    ['with a mask', { temperature: 0.7, maskOf }],
  ])('has the gradients of differences, %s', (_, options) => {
    const own = vectors();
    const { queryGradient, documentGradient } = batchLoss(own, options);
    close(
      queryGradient,
      differences(own.queries, () => batchLoss(own, options).loss),
    );
    close(
      documentGradient,
      differences(own.documents, () => batchLoss(own, options).loss),
    );
  });

  it('is the logarithm of the batch where all products are equal, and of what a mask leaves', () => {
    const zeros = { queries: new Float32Array(6), documents: new Float32Array(6), width: 2 };
    expect(batchLoss(zeros, { temperature: 20 }).loss).toBeCloseTo(Math.log(3), 6);
    const masked = { temperature: 20, maskOf: (_: number, mask: Uint8Array) => void mask.fill(1) };
    expect(batchLoss(zeros, masked).loss).toBe(0);
  });

  it('reaches the table of a tower through the means of its rows', () => {
    const texts = ['kids sandals', 'sandals', 'garden chairs'].map((text) => ({ id: text, text }));
    const tower = startTower({ kind: 'text', buckets: 7 }, { texts, width, random: seededRandom(1) });
    const places = [0, 1, 2, 1, 0];
    const { documents } = vectors();
    const lossNow = () =>
      batchLoss({ queries: vectorsOf(tower, places), documents, width }, { temperature: 1 });
    const gradient = tableGradient(tower, places, lossNow().queryGradient);
    close(
      gradient,
      differences(tower.table.data, () => lossNow().loss),
    );
  });
});
