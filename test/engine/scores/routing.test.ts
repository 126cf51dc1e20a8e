import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cheapestSum,
  expectedLosses,
  lambdaForBudget,
  meanCostMs,
  memberships,
  shrunkLosses,
} from '../../../engine/scores/routing.ts';

const costsMs = [1, 4, 16];
const loss = fc.float({ min: 0, max: 1, noNaN: true });
const rows = fc.array(fc.tuple(loss, loss, loss), { minLength: 1, maxLength: 12 });

describe('cheapestSum', () => {
  it('takes the least loss where a millisecond is worth nothing', () => {
    expect(cheapestSum([0.5, 0.2, 0.3], costsMs, 0)).toBe(1);
  });

  it('takes the cheapest where a millisecond is worth everything, and of equally cheap ones the better', () => {
    expect(cheapestSum([0.9, 0.2, 0.1], costsMs, Number.POSITIVE_INFINITY)).toBe(0);
    expect(cheapestSum([0.9, 0.2, 0.1], [1, 1, 2], Number.POSITIVE_INFINITY)).toBe(1);
    expect(cheapestSum([0.9, 0.2, 0.1], costsMs, 1e9)).toBe(0);
  });

  it('takes the cheaper of equally good ones', () => {
    expect(cheapestSum([0.3, 0.3, 0.3], [4, 1, 16], 0)).toBe(1);
  });

  it('counts a free reranker as free, whatever a millisecond is worth', () => {
    expect(cheapestSum([0.9, 0.2, 0.1], [0, 4, 16], Number.POSITIVE_INFINITY)).toBe(0);
  });
});

describe('shrunkLosses', () => {
  it('pulls each cluster towards the mean over all queries, the smaller the more', () => {
    // Mean .5; cluster 0: (0 + 5 * .5) / (1 + 5), cluster 1: (1 + 5 * .5) / (1 + 5).
    const shrunk = shrunkLosses([0, 1], [0, 1], { count: 3 });
    expect(shrunk.map((value) => value.toFixed(4))).toEqual(['0.4167', '0.5833', '0.5000']);
  });

  it('gives a cluster without queries the mean over all, also where it does not shrink', () => {
    expect(shrunkLosses([0.2, 0.4], [1, 1], { count: 2, shrinkage: 0 })[0]).toBeCloseTo(0.3, 12);
  });

  it('counts a query that is in no cluster in the mean over all queries alone', () => {
    expect(shrunkLosses([0.2, 0.8], [0, -1], { count: 1, shrinkage: 0 })).toEqual([0.2]);
    expect(shrunkLosses([0.2, 0.8], [-1, -1], { count: 1 })).toEqual([0.5]);
  });
});

describe('memberships', () => {
  it('gives a query wholly to the nearest centroid', () => {
    expect(
      memberships(
        {
          kind: 'k-means',
          rows: [
            [0, 0],
            [1, 1],
          ],
        },
        [0.9, 0.8],
      ),
    ).toEqual([0, 1]);
  });

  it('gives a learned map the softmax of products and biases', () => {
    const map = {
      kind: 'learned-map',
      rows: [
        [1, 0, 0],
        [0, 1, Math.log(3)],
      ],
    } as const;
    const [first, second] = memberships(map, [2, 2]);
    expect([first, second]).toEqual([expect.closeTo(0.25, 12), expect.closeTo(0.75, 12)]);
  });
});

describe('expectedLosses', () => {
  const entries = [{ name: 'one', costMs: 1, meanLoss: 0.4, clusterLosses: [0.1, 0.9] }];
  const map = {
    kind: 'k-means',
    rows: [
      [1, 0],
      [0, 1],
    ],
  } as const;

  it('is the loss of the query’s cluster', () => {
    expect(expectedLosses(entries, map, [1, 0])).toEqual([0.1]);
  });

  it('is the mean over all queries for one without words', () => {
    expect(expectedLosses(entries, map, [0, 0])).toEqual([0.4]);
  });
});

describe('lambdaForBudget', () => {
  it('is 0 where the budget allows the best for every query', () => {
    expect(lambdaForBudget([[0.9, 0.5, 0.1]], costsMs, 16)).toBe(0);
  });

  it('spends on the queries that gain most', () => {
    // The first query gains .8 by the dear one, the second .1: one of both fits 8.5 ms on average.
    const losses = [
      [0.9, 0.9, 0.1],
      [0.5, 0.5, 0.4],
    ];
    const lambda = lambdaForBudget(losses, costsMs, 8.5);
    expect(losses.map((row) => cheapestSum(row, costsMs, lambda))).toEqual([2, 0]);
  });

  it('refuses a budget below the cheapest, and one that is no number', () => {
    expect(() => lambdaForBudget([[0.1, 0.2, 0.3]], costsMs, 0.5)).toThrow('at least 1 ms');
    expect(() => lambdaForBudget([[0.1, 0.2, 0.3]], costsMs, Number.NaN)).toThrow(RangeError);
    expect(lambdaForBudget([[0.1, 0.2, 0.3]], [0, 1, 2], 0)).toBe(0);
  });

  it('keeps every budget that the cheapest keeps', () => {
    fc.assert(
      fc.property(rows, fc.double({ min: 1, max: 20, noNaN: true }), (losses, budgetMs) => {
        const lambda = lambdaForBudget(losses, costsMs, budgetMs);
        expect(meanCostMs(losses, costsMs, lambda)).toBeLessThanOrEqual(budgetMs);
      }),
    );
  });
});
