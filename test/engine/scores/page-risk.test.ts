import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leastRead, type PartlyReadList, pageFeatures, pageRisk } from '../../../engine/scores/page-risk.ts';

const page = 3;
/** A list of which the leading documents were read, with logits and first-stage scores by index. */
function listOf({
  count = 40,
  read = 20,
  logit = (index: number): number => -index,
  firstStageScore = (index: number): number | undefined => 100 - index,
  firstStageWeight = 0.2,
}): PartlyReadList {
  return {
    read: Array.from({ length: read }, (_, index) => ({ index, logit: logit(index) })),
    firstStageScores: Array.from({ length: count }, (_, index) => firstStageScore(index)),
    firstStageWeight,
    page,
  };
}

describe('the risk of another page', () => {
  it('is none where nothing is left, and certain before two pages were read', () => {
    expect(pageRisk(listOf({ read: 40 }))).toBe(0);
    expect(pageRisk(listOf({ read: leastRead(page) - 1 }))).toBe(1);
    expect(pageRisk(listOf({ read: leastRead(page) }))).toBeLessThan(1);
  });

  it('falls with the number of documents that are left', () => {
    const risks = [200, 60, 25, 21].map((count) => pageRisk(listOf({ count })));
    expect(risks).toEqual([...risks].sort((a, b) => b - a));
    expect(risks[0]).toBeGreaterThan(2 * risks[3]!);
  });

  it('is larger where documents got no worse with their first-stage rank', () => {
    // The same logits, the best of them at the front in one list and spread over the other.
    const falling = pageRisk(listOf({}));
    const spread = pageRisk(listOf({ logit: (index) => -((index * 7) % 20) }));
    expect(spread).toBeGreaterThan(falling);
  });

  it('is smaller where the first stage thinks less of what is left', () => {
    const cliff = (index: number): number => (index < 20 ? 100 - index : 10);
    expect(pageRisk(listOf({ firstStageScore: cliff }))).toBeLessThan(pageRisk(listOf({})));
    const unfused = { firstStageWeight: 0 };
    expect(pageRisk(listOf({ ...unfused, firstStageScore: cliff }))).toBe(pageRisk(listOf(unfused)));
  });

  it('expects a tenth of what is left on the page where a tenth of what was read is above its edge', () => {
    // Normal logits of mean 0 whose third best is 1.28 deviations above: a tenth of a normal distribution lies there.
    const logits = [2, 1.6, 1.2816, ...Array.from({ length: 27 }, (_, i) => ((i % 9) - 4) / 4 - 0.18)];
    const list = listOf({ read: 30, count: 130, firstStageWeight: 0, logit: (index) => logits[index]! });
    const entrants = Math.exp(pageFeatures(list).entrants);
    expect(entrants).toBeGreaterThan(2);
    expect(entrants).toBeLessThan(20);
  });

  it('is a probability, whatever scores are', () => {
    const score = fc.oneof(fc.double(), fc.constant(undefined));
    fc.assert(
      fc.property(
        fc.array(score, { minLength: 7, maxLength: 30 }),
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 30, maxLength: 30 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (scores, logits, firstStageWeight) => {
          const risk = pageRisk({
            read: logits.slice(0, scores.length - 1).map((logit, index) => ({ index, logit })),
            firstStageScores: scores,
            firstStageWeight,
            page,
          });
          expect(risk).toBeGreaterThanOrEqual(0);
          expect(risk).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});
