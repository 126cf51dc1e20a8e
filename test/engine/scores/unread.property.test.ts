import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fusion, type Shortlist } from '../../../engine/index.ts';
import { toRanking } from '../../../engine/scores/ranking.ts';
import { isRead, unreadLogits } from '../../../engine/scores/unread.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';

const usage = { tokens: 0, truncatedTokens: 0, statesFound: 0, statesEncoded: 0 };
const list = fc
  .array(fc.option(fc.double({ min: -50, max: 50, noNaN: true }), { nil: undefined }), { maxLength: 40 })
  // Equal logits are ties, in which shortlist order decides; here no two are.
  .map((logits) => logits.map((logit, i) => (logit === undefined ? undefined : Math.round(logit) + i / 100)));

function rankingOf(logits: readonly (number | undefined)[]) {
  const read = logits.flatMap((logit, index) => (logit === undefined ? [] : [{ index, logit }]));
  const unread = logits.flatMap((logit, index) => (logit === undefined ? [index] : []));
  const between = unreadLogits(unread, read);
  const kept = unread.map((index, i) => ({ index, logit: between[i]!, isRead: false as const }));
  return toRanking([...read, ...kept], usage);
}

describe('unread candidates', () => {
  it('keep their ranks, and the read ones are ordered by logit among theirs, also after fusion', () => {
    fc.assert(
      fc.property(list, fc.double({ min: 0, max: 1, noNaN: true }), (logits, weight) => {
        const shortlist: Shortlist = shortlistOf('words', ...logits.map((_, i) => `text ${i}`));
        const ranking = rankingOf(logits);
        for (const { candidates } of [ranking, fusion({ weight })(ranking, shortlist)]) {
          expect(candidates.map(({ index }) => index).sort((a, b) => a - b)).toEqual([...logits.keys()]);
          expect(candidates.every(({ logit }) => Number.isFinite(logit))).toBe(true);
          const own = candidates.filter(isRead).map(({ logit }) => logit);
          expect(own).toEqual(own.toSorted((a, b) => b - a));
        }
        ranking.candidates.forEach((candidate, rank) => {
          if (!isRead(candidate)) expect(candidate.index).toBe(rank);
        });
      }),
    );
  });
});
