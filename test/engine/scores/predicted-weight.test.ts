import { describe, expect, it } from 'vitest';
import {
  defaultScoreSteps,
  fusion,
  fusionFeatures,
  ModelFormatError,
  openEncoderReranker,
  type PredictedFusionWeight,
  type Shortlist,
} from '../../../engine/index.ts';
import { rankLogits } from '../../../engine/scores/ranking.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';

const texts = ['red shoes', 'blue shoes', 'a red hat', 'rain'];
const listOf = (scores: readonly number[], query = 'red shoes'): Shortlist => ({
  query: { text: query },
  firstStage: 'lexical',
  candidates: scores.map((firstStageScore, i) => ({
    docId: String(i),
    text: texts[i]!,
    segments: [],
    firstStageScore,
  })),
});
const orderAfter = (weight: Parameters<typeof fusion>[0], scores: readonly number[]): number[] =>
  fusion(weight)(rankLogits([0, 1, 2, 3]), listOf(scores)).candidates.map(({ index }) => index);

describe('fusionFeatures', () => {
  it('says how far two orders agree: 1 for the same, less for the reverse', () => {
    const same = fusionFeatures(rankLogits([4, 3, 2, 1]), listOf([4, 3, 2, 1]));
    expect(same.agreement).toBe(1);
    // Fronts of 1, 2, 3 and 4 of the reverse have 0, 0, 2 and 4 documents in common.
    const reverse = fusionFeatures(rankLogits([1, 2, 3, 4]), listOf([4, 3, 2, 1]));
    expect(reverse.agreement).toBeCloseTo((0 + 0 + 2 / 3 + 1) / 4, 12);
  });

  it('counts the words of the query that the first documents hold', () => {
    const { wordsFound, queryWords } = fusionFeatures(rankLogits([4, 3, 2, 1]), listOf([4, 3, 2, 1]));
    // Both words, one, one, none.
    expect(wordsFound).toBe((1 + 0.5 + 0.5 + 0) / 4);
    expect(queryWords).toBeCloseTo(Math.log2(3) / 4, 12);
  });

  it('measures how far the best stands above the second, in deviations of the list', () => {
    // Scores 1, 0, 0, 0 have the mean .25 and the deviation sqrt(.1875): a gap of 2.309 of 3.
    const { firstStageGap, modelGap } = fusionFeatures(rankLogits([5, 5, 0, 0]), listOf([1, 0, 0, 0]));
    expect(firstStageGap).toBeCloseTo(1 / Math.sqrt(0.1875) / 3, 12);
    expect(modelGap).toBe(0);
  });

  it('is finite for an empty list, missing scores and a query without words', () => {
    const empty = fusionFeatures(rankLogits([]), { ...listOf([]), query: { text: '?!' } });
    const missing = fusionFeatures(rankLogits([1, 2]), listOf([Number.NaN, Number.NEGATIVE_INFINITY], ''));
    for (const features of [empty, missing]) {
      expect(Object.values(features).every(Number.isFinite)).toBe(true);
    }
  });
});

describe('fusion with a predicted weight', () => {
  it('follows the rule: a list whose first stage stands out is fused, another is not', () => {
    const predicted: PredictedFusionWeight = { bias: -20, coefficients: { firstStageGap: 40 } };
    const weight = { predicted };
    // Gap .77: weight .5, z-scores -1.34, -.45, .45, 1.34 and 1.73, -.58, -.58, -.58 give .20, -.51, -.07, .38.
    expect(orderAfter({ weight }, [100, 0, 0, 0])).toEqual([3, 0, 2, 1]);
    // Gap .11: weight 0, the model's order.
    expect(orderAfter({ weight }, [4, 3.4, 0, 0])).toEqual([3, 2, 1, 0]);
  });

  it('is the fixed weight where no feature counts', () => {
    // .5 sigmoid(ln(.2 / .3)) = .2
    const predicted = { bias: Math.log(0.2 / 0.3), coefficients: {} };
    const [list, ranking] = [listOf([9, 5, 1, 0]), rankLogits([0, 1, 2, 3])];
    const logits = (step: ReturnType<typeof fusion>) =>
      step(ranking, list).candidates.map(({ logit }) => logit);
    const fixed = logits(fusion({ weight: 0.2 }));
    logits(fusion({ weight: { predicted } })).forEach((logit, i) => {
      expect(logit).toBeCloseTo(fixed[i]!, 12);
    });
  });

  it('refuses unknown features and rules that hold no numbers', () => {
    const withRule = (predicted: PredictedFusionWeight) => () => fusion({ weight: { predicted } });
    expect(withRule({ bias: 0, coefficients: { length: 1 } })).toThrow(/among queryWords.*got "length"/);
    expect(withRule({ bias: Number.NaN, coefficients: {} })).toThrow(RangeError);
  });
});

describe('a model whose manifest predicts the weight', () => {
  it('serves the rule in its default steps', async () => {
    const predicted = { bias: -20, coefficients: { firstStageGap: 40 } };
    const model = await tinyModel({ fusionWeight: { predicted } });
    const reranker = await openEncoderReranker({ model, workers: 1, warmUp: false });
    try {
      expect(reranker.info.predictedFusionWeight).toEqual(predicted);
      // The default, for those that read one number.
      expect(reranker.info.fusionWeight).toBe(0.2);
      const [step] = defaultScoreSteps(reranker.info);
      const fused = await step!(rankLogits([0, 1, 2, 3]), listOf([4, 3.4, 0, 0]), {} as never);
      expect(fused.candidates.map(({ index }) => index)).toEqual([3, 2, 1, 0]);
    } finally {
      await reranker.close();
    }
  });

  it('is refused when the rule names a feature that there is none of', async () => {
    const model = await tinyModel({ fusionWeight: { predicted: { bias: 0, coefficients: { length: 1 } } } });
    await expect(openEncoderReranker({ model, workers: 1 })).rejects.toThrow(ModelFormatError);
  });
});
