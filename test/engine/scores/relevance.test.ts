import { describe, expect, it } from 'vitest';
import { rankingFault } from '../../../engine/scores/ranking-fault.ts';
import {
  hitFeatures,
  lexicalScoresOf,
  listFeatures,
  logistic,
  logOddsOf,
  type RelevanceRules,
  relevanceOf,
} from '../../../engine/scores/relevance.ts';

const tau = 0.05;
/** Two query tokens; the first document has two blocks, the second one. */
const source = {
  query: 'Red stars',
  texts: ['A red giant', ''],
  states: [{ blockTokens: [4, 4] }, { blockTokens: [2] }],
  cosines: [0.8, 0.3],
  logSums: Float64Array.from([0.9, 0.2, 0.1, 0.5, 0.8, 0.3].map((match) => match / tau)),
  tau,
  passageMatches: Float64Array.from([0.6, 0.75, 0.2]),
};

describe('hitFeatures', () => {
  it('joins blocks by the best: the whole query in one, each token by itself', () => {
    const [first, second] = hitFeatures(source);
    expect(first!.tokenMatch).toBeCloseTo(0.7); // mean of .9 and .5, above that of .2 and .8
    expect(first!.weakestMatch).toBeCloseTo(0.8);
    expect(first).toMatchObject({ cosine: 0.8, wordsFound: 0.5, passageMatch: 0.75 });
    expect(second).toMatchObject({ cosine: 0.3, wordsFound: 0 });
  });

  it('are none of an empty list', () => {
    expect(
      hitFeatures({
        ...source,
        states: [],
        texts: [],
        cosines: [],
        logSums: new Float64Array(0),
        passageMatches: new Float64Array(0),
      }),
    ).toEqual([]);
  });
});

describe('listFeatures', () => {
  it('measures the best against the others, whatever their order', () => {
    const { standout, ...others } = listFeatures([-1, 3, 1]);
    expect(others).toEqual({ best: 3, gap: 2, mean: 0, firstStageLead: 0 });
    expect(standout).toBeCloseTo(3 / (Math.sqrt(8 / 3) + 0.5)); // by the deviation of all three
    expect(listFeatures([3, 1, -1])).toEqual(listFeatures([-1, 3, 1]));
  });

  it('takes a document alone as its own mean', () => {
    expect(listFeatures([2])).toEqual({ best: 2, gap: 0, mean: 2, standout: 0, firstStageLead: 0 });
  });

  it('takes ten documents, so that a longer tail changes nothing', () => {
    const ten = [5, 4, 3, 2, 1, 0, -1, -2, -3, -4];
    expect(listFeatures([...ten, -9, -8], ten)).toEqual(listFeatures(ten, ten));
  });

  it('measures how far a lexical first stage was sure by itself, on any scale', () => {
    const { firstStageLead } = listFeatures([1, 2, 3], [4, 12, 8]);
    expect(firstStageLead).toBeCloseTo(Math.log(12 / 8));
    expect(listFeatures([1, 2, 3], [40, 120, 80]).firstStageLead).toBeCloseTo(firstStageLead);
    expect(listFeatures([1, 2], [7, 7]).firstStageLead).toBeCloseTo(0);
  });
});

describe('lexicalScoresOf', () => {
  const candidates = [3, 2].map((firstStageScore, i) => ({
    docId: `d${i}`,
    text: '',
    segments: [],
    firstStageScore,
  }));

  it('are those of a lexical first stage, where each candidate has one above 0', () => {
    expect(lexicalScoresOf({ candidates, firstStage: 'lexical' })).toEqual([3, 2]);
    for (const firstStage of ['vector', 'hybrid', 'unknown'] as const) {
      expect(lexicalScoresOf({ candidates, firstStage })).toBeUndefined();
    }
    for (const change of [{ firstStageScore: 0 }, { firstStageScore: -1 }, { firstStageScore: Number.NaN }]) {
      const broken = [candidates[0]!, { ...candidates[1]!, ...change }];
      expect(lexicalScoresOf({ candidates: broken, firstStage: 'lexical' })).toBeUndefined();
    }
    const { firstStageScore, ...unscored } = candidates[1]!;
    expect(
      lexicalScoresOf({ candidates: [candidates[0]!, unscored], firstStage: 'lexical' }),
    ).toBeUndefined();
  });
});

describe('relevanceOf', () => {
  const rules: RelevanceRules = {
    hit: { bias: -1, coefficients: { cosine: 2 } },
    list: { bias: 0, coefficients: { best: 1 } },
  };

  it('gives a document the same probability in any list', () => {
    const features = hitFeatures(source);
    const { hits, list } = relevanceOf(rules, features);
    expect(hits).toEqual([logistic(0.6), logistic(-0.4)]);
    expect(list).toBeCloseTo(logistic(0.6));
    expect(relevanceOf(rules, features.slice(1))).toEqual({ hits: [hits[1]], list: hits[1] });
  });

  it('reads rules that know fewer features than there are', () => {
    const old: RelevanceRules = {
      hit: { bias: -18, coefficients: { cosine: 5, tokenMatch: 4, weakestMatch: 12, wordsFound: 3 } },
      list: { bias: -0.6, coefficients: { best: 0.6, gap: 0.4, mean: -0.2 } },
    };
    const features = hitFeatures(source);
    const [first, second] = features.map((each) => logOddsOf(old.hit, each));
    const expected = -0.6 + 0.6 * first! + 0.4 * (first! - second!) - 0.2 * second!;
    expect(relevanceOf(old, features).list).toBeCloseTo(logistic(expected));
  });

  it('asks the rule for lexical first stages where there are scores, else the one for lists', () => {
    const features = hitFeatures(source);
    const lexicalList = { bias: 1, coefficients: { firstStageLead: 2 } };
    const both: RelevanceRules = { ...rules, lexicalList };
    expect(relevanceOf(both, features, [6, 2]).list).toBeCloseTo(logistic(1 + 2 * Math.log(6 / 4)));
    expect(relevanceOf(both, features)).toEqual(relevanceOf(rules, features));
    expect(relevanceOf(rules, features, [6, 2])).toEqual(relevanceOf(rules, features));
  });

  it('says nothing of an empty list, nor of a list without a rule', () => {
    expect(relevanceOf(rules, [])).toEqual({ hits: [] });
    expect(relevanceOf({ hit: rules.hit }, hitFeatures(source))).not.toHaveProperty('list');
  });
});

describe('rankingFault', () => {
  it('refuses a list that is answerable by no number', () => {
    const usage = { tokens: 0, truncatedTokens: 0, statesFound: 0, statesEncoded: 0 };
    expect(rankingFault({ candidates: [], usage, answerable: Number.NaN }, 0)).toContain('NaN');
    expect(rankingFault({ candidates: [], usage, answerable: 0.5 }, 0)).toBeUndefined();
  });
});
