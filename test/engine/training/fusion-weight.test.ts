import { describe, expect, it } from 'vitest';
import {
  type FusionLesson,
  fitFusionWeight,
  lessonWeights,
  parseMeasure,
  seededRandom,
  toFusionLesson,
} from '../../../engine/laboratory.ts';
import { predictedWeight } from '../../../engine/scores/predicted-weight.ts';
import { rankLogits } from '../../../engine/scores/ranking.ts';

const nothing = {
  queryWords: 0,
  agreement: 0,
  firstStageGap: 0,
  modelGap: 0,
  wordsFound: 0,
  modelWordsFound: 0,
};

/** Lists whose best weight is .4 where most words are found and .05 elsewhere; noise of a seed. */
function lessons(set: string, seed: number, bestOf: (found: number) => number): FusionLesson[] {
  const random = seededRandom(seed);
  return Array.from({ length: 60 }, () => {
    const wordsFound = random();
    const best = bestOf(wordsFound);
    const values = lessonWeights.map((weight) => 0.8 - 4 * (weight - best) ** 2 + 0.02 * random());
    return { set, features: { ...nothing, agreement: random(), wordsFound }, values };
  });
}

describe('fitFusionWeight', () => {
  it('finds a planted rule, and its gain holds on collections that it did not see', () => {
    const planted = (found: number): number => (found > 0.5 ? 0.4 : 0.05);
    const fit = fitFusionWeight(['a', 'b', 'c'].flatMap((set, i) => lessons(set, i + 1, planted)));
    const weightAt = (wordsFound: number) =>
      predictedWeight(fit.rule, { ...nothing, agreement: 0.5, wordsFound });
    expect(weightAt(0.9)).toBeGreaterThan(0.33);
    expect(weightAt(0.1)).toBeLessThan(0.12);
    // A fixed weight is at best .175 off on every list: 4 * .175 ** 2 = .12.
    expect(fit.heldOut.rule - fit.heldOut.fixed).toBeGreaterThan(0.08);
    expect(fit.isGain).toBe(true);
    expect(fit.p).toBeLessThan(1e-6);
  });

  it('claims no gain where the best weight has nothing to do with the features', () => {
    const random = seededRandom(9);
    const blind = (): number => (random() < 0.5 ? 0.05 : 0.35);
    const fit = fitFusionWeight(['a', 'b', 'c'].flatMap((set, i) => lessons(set, i + 1, blind)));
    expect(fit.isGain).toBe(false);
  });

  it('claims no gain where each collection wants a rule of its own', () => {
    const sets = [0.05, 0.4, 0.05, 0.4].flatMap((best, i) => lessons(`set-${i}`, i + 1, () => best));
    expect(fitFusionWeight(sets).isGain).toBe(false);
  });

  it('refuses a single collection: its gain could not be measured on another', () => {
    expect(() => fitFusionWeight(lessons('a', 1, () => 0.2))).toThrow(RangeError);
  });
});

describe('toFusionLesson', () => {
  it('measures the order at every weight', () => {
    const shortlist = {
      query: { text: 'q' },
      firstStage: 'lexical' as const,
      candidates: [3, 2, 1].map((firstStageScore, i) => ({
        docId: String(i),
        text: '',
        segments: [],
        firstStageScore,
      })),
    };
    const judged = { gains: [1, 0, 0], ideal: [1] };
    const lesson = toFusionLesson(
      { set: 'a', shortlist, ranking: rankLogits([1, 1.5, 2]) },
      judged,
      parseMeasure('RR@10'),
    );
    // Document 0 is last by the model and first by the first stage; the two are level at .5.
    expect(lesson.values[0]).toBeCloseTo(1 / 3, 12);
    expect(lesson.values.at(-1)).toBe(1);
    expect(lesson.values).toHaveLength(lessonWeights.length);
  });
});
