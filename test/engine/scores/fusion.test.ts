import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fusion, type Shortlist } from '../../../engine/index.ts';
import { toRanking } from '../../../engine/scores/ranking.ts';

const usage = { tokens: 0, truncatedTokens: 0, statesFound: 0, statesEncoded: 0 };

function shortlistOf(
  scores: readonly (number | undefined)[],
  firstStage: Shortlist['firstStage'] = 'lexical',
): Shortlist {
  return {
    query: { text: 'q' },
    firstStage,
    candidates: scores.map((score, i) => ({
      docId: String(i),
      text: '',
      segments: [],
      ...(score === undefined ? {} : { firstStageScore: score }),
    })),
  };
}

const rankingOf = (logits: readonly number[]) =>
  toRanking(
    logits.map((logit, index) => ({ index, logit })),
    usage,
  );
const orderAfter = (logits: readonly number[], shortlist: Shortlist, weight: number): number[] =>
  fusion({ weight })(rankingOf(logits), shortlist).candidates.map(({ index }) => index);

describe('fusion', () => {
  it('is the model alone at weight 0 and the first stage alone at weight 1', () => {
    const shortlist = shortlistOf([3, 2, 1]);
    expect(orderAfter([0, 1, 2], shortlist, 0)).toEqual([2, 1, 0]);
    expect(orderAfter([0, 1, 2], shortlist, 1)).toEqual([0, 1, 2]);
  });

  it('computes (1 - w) z(logit) + w z(first stage), worked by hand', () => {
    // z of [1, 3] is [-1, 1]; z of [10, 4] is [1, -1]: fused at .25 gives -.5 and .5.
    const fused = fusion({ weight: 0.25 })(rankingOf([1, 3]), shortlistOf([10, 4]));
    expect(fused.candidates.map(({ index, logit }) => [index, logit])).toEqual([
      [1, 0.5],
      [0, -0.5],
    ]);
  });

  it('takes a constant list as no opinion', () => {
    expect(orderAfter([0, 1, 2], shortlistOf([5, 5, 5]), 0.9)).toEqual([2, 1, 0]);
  });

  it('counts missing and non-finite scores as the least one', () => {
    const scores = [Number.NaN, 2, undefined, 1, Number.NEGATIVE_INFINITY];
    expect(orderAfter([0, 0, 0, 0, 0], shortlistOf(scores), 1)).toEqual([1, 0, 2, 3, 4]);
  });

  it('fuses nothing when no score is there', () => {
    const ranking = rankingOf([1, 2]);
    expect(fusion()(ranking, shortlistOf([undefined, Number.NaN]))).toBe(ranking);
  });

  it('lets one absurd score decide nothing among the others', () => {
    // A hybrid query without its pipeline scores like this; the two sane hits keep the model's order.
    const order = orderAfter([0, 1, 2], shortlistOf([2, 1, -9.5e9]), 0.2);
    expect(order.indexOf(1)).toBeLessThan(order.indexOf(0));
  });

  it('passes first stages that are not lexical', () => {
    const ranking = rankingOf([1, 2]);
    expect(fusion()(ranking, shortlistOf([2, 1], 'vector'))).toBe(ranking);
  });

  it('refuses a weight outside [0, 1]', () => {
    expect(() => fusion({ weight: 1.5 })).toThrow(RangeError);
    expect(() => fusion({ weight: Number.NaN })).toThrow(RangeError);
  });

  it('gives a permutation with finite scores that sum to one, for any scores', () => {
    const score = fc.option(fc.double(), { nil: undefined });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(score, fc.double({ min: -1e6, max: 1e6, noNaN: true })), { minLength: 1 }),
        (rows) => {
          const shortlist = shortlistOf(rows.map(([s]) => s));
          const { candidates } = fusion()(rankingOf(rows.map(([, logit]) => logit)), shortlist);
          expect(candidates.map(({ index }) => index).sort((a, b) => a - b)).toEqual([...rows.keys()]);
          expect(candidates.reduce((sum, { score: s }) => sum + s, 0)).toBeCloseTo(1, 6);
        },
      ),
    );
  });
});
