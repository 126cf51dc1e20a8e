import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chooseDocuments,
  droppedLogits,
  scoreGuesses,
} from '../../../../engine/rerank/encoder/guess-choice.ts';

/** Documents whose blocks have these cosines with the anchor `[1, 0]`. */
const documentsOf = (cosines: readonly (readonly number[])[]) =>
  cosines.map((blocks) => ({
    truncatedTokens: 0,
    tokens: 3 * blocks.length,
    anchors: blocks.map((cosine) => Float32Array.of(cosine, Math.sqrt(1 - cosine * cosine))),
  }));
const scored = (
  cosines: readonly (readonly number[])[],
  firstStageScores: readonly (number | undefined)[] = cosines.map(() => undefined),
  firstStageWeight = 0.5,
) =>
  scoreGuesses({
    documents: documentsOf(cosines),
    anchor: Float32Array.of(1, 0),
    firstStageScores,
    firstStageWeight,
  });
const all = { minKeep: 1, maxKeep: 1000 };

describe('scoreGuesses', () => {
  it("takes a document's best block", () => {
    const { cosines } = scored([[0.25, 0.75], [0.5]]);
    expect(cosines).toEqual([0.75, 0.5]);
  });

  it('mixes the first stage in by its share, and leaves it out where it gave no scores', () => {
    // Both agree but for the sign: at half each, nothing is left.
    expect(scored([[0.75], [0.25]], [1, 2]).scores).toEqual([0, 0]);
    expect(scored([[0.75], [0.25]], [1, 2], 0).scores).toEqual([1, -1]);
    expect(scored([[0.75], [0.25]]).scores).toEqual([1, -1]);
  });

  it('puts a document whose guess holds no numbers last', () => {
    const { cosines, scores } = scored([[Number.NaN], [0.25], [0.5]]);
    expect(cosines[0]).toBe(-1);
    expect(Math.min(...scores)).toBe(scores[0]);
  });
});

describe('chooseDocuments', () => {
  it('keeps a share of the documents, rounded up, the earlier of equal ones', () => {
    expect(chooseDocuments(scored([[0.5], [0.5], [0.75], [0.5], [0.5]]), { keep: 0.3, ...all })).toEqual([
      0, 2,
    ]);
  });

  it('keeps to its bounds', () => {
    const scores = scored([[0.1], [0.2], [0.3], [0.4]]);
    expect(chooseDocuments(scores, { keep: 0.25, minKeep: 3, maxKeep: 3 })).toEqual([1, 2, 3]);
    expect(chooseDocuments(scores, { keep: 0.75, minKeep: 1, maxKeep: 1 })).toEqual([3]);
    expect(chooseDocuments(scores, { keep: 0.75, minKeep: 9, maxKeep: 9 })).toEqual([0, 1, 2, 3]);
  });
});

describe('droppedLogits', () => {
  it('are at most the least logit of those that went on, in the order of the guesses', () => {
    const cosine = fc.double({ min: -1, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(cosine, { minLength: 2, maxLength: 30 }),
        fc.double({ min: -50, max: 50 }),
        (cosines, low) => {
          fc.pre(Number.isFinite(low));
          const scores = scored(cosines.map((one) => [one]));
          const kept = chooseDocuments(scores, { keep: 0.25, ...all });
          const logits = droppedLogits(scores, kept, { least: low, tau: 0.05 });
          const dropped = [...cosines.keys()].filter((i) => !kept.includes(i));
          for (const i of dropped) {
            expect(logits[i]!).toBeLessThanOrEqual(low);
            for (const j of dropped)
              if (scores.scores[i]! > scores.scores[j]!)
                expect(logits[i]!).toBeGreaterThanOrEqual(logits[j]!);
          }
        },
      ),
    );
  });
});
