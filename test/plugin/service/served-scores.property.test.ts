import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Ranking } from '../../../engine/index.ts';
import { scoreLiteral, servedScores } from '../../../plugin/service/served-scores.ts';

const usage = { tokens: 0, truncatedTokens: 0, statesFound: 0, statesEncoded: 0 };

/** Logits that often tie, calibrated scores that need not agree with them, texts that repeat. */
const lists = fc.array(
  fc.record({
    logit: fc.oneof(fc.integer({ min: -2, max: 2 }), fc.double({ noNaN: true, noDefaultInfinity: true })),
    calibrated: fc.option(fc.double({ min: 0, max: 1, noNaN: true }), { nil: undefined }),
    text: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  }),
  { minLength: 1, maxLength: 200 },
);

function toRanking(list: readonly { logit: number; calibrated: number | undefined }[]): Ranking {
  const candidates = list
    .map(({ logit, calibrated }, index) => ({
      index,
      logit,
      score: 1 / list.length,
      ...(calibrated !== undefined && { calibratedScore: calibrated }),
    }))
    .sort((a, b) => b.logit - a.logit || a.index - b.index);
  return { candidates, usage };
}

/** By logit; between equal logits by the first document of the same text, so that equal documents stand together. */
function orderWithTwins(list: readonly { logit: number; text: string }[]): number[] {
  const first = ({ logit, text }: { logit: number; text: string }): number =>
    list.findIndex((other) => other.logit === logit && other.text === text);
  return [...list.keys()].sort((a, b) => {
    const [one, other] = [list[a]!, list[b]!];
    return other.logit - one.logit || first(one) - first(other) || a - b;
  });
}

const elasticsearchScore = (score: number): number =>
  Math.fround(Math.max(Math.fround(score), 0) + Math.min(Math.fround(Math.exp(score)), 1));

describe('served scores', () => {
  it('keep the order of documents that differ, as float32 and after the transform; equal documents score the same', () => {
    fc.assert(
      fc.property(lists, (list) => {
        const ranking = toRanking(list);
        const texts = list.map(({ text }) => text);
        const served = servedScores(ranking, texts);
        expect(served.map(({ index }) => index)).toEqual(orderWithTwins(list));
        served.forEach(({ index, millionths }, rank) => {
          const score = Number(scoreLiteral(millionths));
          expect(score >= 0 && score <= 1).toBe(true);
          if (rank === 0) return;
          const before = served[rank - 1]!;
          const above = Number(scoreLiteral(before.millionths));
          const isTwin =
            texts[before.index] === texts[index] && list[before.index]!.logit === list[index]!.logit;
          if (isTwin) expect(score).toBe(above);
          else {
            expect(Math.fround(score)).toBeLessThan(Math.fround(above));
            expect(elasticsearchScore(score)).toBeLessThan(elasticsearchScore(above));
          }
        });
      }),
      { numRuns: 500 },
    );
  });

  it('are the same for equal documents that stand apart, between others of the same logit', () => {
    const ranking = toRanking([1, 1, 1, 1].map((logit) => ({ logit, calibrated: 0.5 })));
    // Two that the model reads alike and that differ all the same: they are told apart by a millionth.
    expect(servedScores(ranking, ['plants', 'plants ', 'plants', 'plants '])).toEqual([
      { index: 0, millionths: 500_001 },
      { index: 2, millionths: 500_001 },
      { index: 1, millionths: 500_000 },
      { index: 3, millionths: 500_000 },
    ]);
  });

  it('are written with a point and at most 18 characters', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), (millionths) => {
        expect(scoreLiteral(millionths)).toMatch(/^[01]\.\d{6}$/);
      }),
    );
    expect(scoreLiteral(1_000_000)).toBe('1.000000');
  });

  it('are the calibrated ones where those agree with the order', () => {
    const ranking = toRanking([
      { logit: 1, calibrated: 0.25 },
      { logit: 2, calibrated: 0.75 },
    ]);
    expect(servedScores(ranking, ['a', 'b'])).toEqual([
      { index: 1, millionths: 750_000 },
      { index: 0, millionths: 250_000 },
    ]);
  });

  it('are the nearest descending ones where they do not', () => {
    const ranking = toRanking([
      { logit: 3, calibrated: 0.2 },
      { logit: 2, calibrated: 0.6 },
      { logit: 1, calibrated: 0.1 },
    ]);
    // The first two contradict the order: both become their mean, then differ by a millionth.
    expect(servedScores(ranking, ['a', 'b', 'c']).map(({ millionths }) => millionths)).toEqual([
      400_001, 400_000, 100_000,
    ]);
  });
});
