import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auc, aucPerQuery, parseQrels } from '../../../engine/laboratory.ts';

/** Every pair, one by one. */
function slowAuc(scores: readonly number[], relevance: readonly number[]): number | undefined {
  let [before, pairs] = [0, 0];
  for (const [i, score] of scores.entries()) {
    for (const [j, other] of scores.entries()) {
      if (i === j) continue;
      const weight = relevance[i]! * (1 - relevance[j]!);
      pairs += weight;
      before += weight * (score > other ? 1 : score === other ? 0.5 : 0);
    }
  }
  return pairs > 0 ? before / pairs : undefined;
}

const rowsOf = (relevance: fc.Arbitrary<number>): fc.Arbitrary<[number, number][]> =>
  fc.array(fc.tuple(fc.integer({ min: -3, max: 3 }), relevance), { maxLength: 12 });

describe('auc', () => {
  it('is the share of pairs in the right order, ties one half', () => {
    // Relevant 3 and 1 against 2 and 1: 3>2, 3>1, 1<2, 1=1: 2.5 of 4.
    expect(auc([3, 2, 1, 1], [1, 0, 1, 0])).toBe(2.5 / 4);
  });

  it.each([
    ['labels', fc.constantFrom(0, 1)],
    ['probabilities', fc.constantFrom(0, 0.25, 0.5, 1)],
  ])('is what counting every pair gives, with %s', (_what, relevance) => {
    fc.assert(
      fc.property(rowsOf(relevance), (rows) => {
        const [scores, relevances] = [rows.map(([score]) => score), rows.map(([, p]) => p)];
        const expected = slowAuc(scores, relevances);
        const actual = auc(scores, relevances);
        if (expected === undefined) expect(actual).toBeUndefined();
        else expect(actual).toBeCloseTo(expected, 12);
      }),
    );
  });

  it('is not defined where all are relevant, or none is', () => {
    expect(auc([1, 2], [1, 1])).toBeUndefined();
    expect(auc([1, 2], [0, 0])).toBeUndefined();
    expect(auc([], [])).toBeUndefined();
  });

  it('refuses scores and relevances that are none', () => {
    expect(() => auc([1], [1, 0])).toThrow(RangeError);
    expect(() => auc([1, 2], [2, 0])).toThrow(
      'expected relevances in [0, 1] and scores that are numbers, got 2',
    );
    expect(() => auc([Number.NaN, 2], [1, 0])).toThrow('got NaN');
  });
});

describe('aucPerQuery', () => {
  it('puts judged documents that the run lacks last, together, and leaves out what nobody judged', () => {
    const qrels = parseQrels('q1 0 a 1\nq1 0 b 0\nq1 0 c 1\nq1 0 d 0\nq2 0 a 1\n', 'qrels');
    const run = new Map([
      [
        'q1',
        [
          { docId: 'x', score: 9 },
          { docId: 'b', score: 2 },
          { docId: 'a', score: 1 },
        ],
      ],
    ]);
    // a behind b and before d, c behind b and tied with d: 1.5 of 4. q2 has no other document.
    expect([...aucPerQuery(run, qrels)]).toEqual([['q1', 1.5 / 4]]);
  });
});
