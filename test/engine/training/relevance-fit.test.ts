import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../engine/evaluation/random.ts';
import { reliabilityOf, toReliabilityDiagram } from '../../../engine/evaluation/reliability.ts';
import { logistic, logOddsOf } from '../../../engine/scores/relevance.ts';
import { fitLogistic, type LogisticSample } from '../../../engine/training/logistic.ts';
import {
  crossValidateRelevance,
  fitRelevance,
  measureRelevance,
  type RelevanceList,
} from '../../../engine/training/relevance-fit.ts';

const truth = { bias: -1, coefficients: { cosine: 4 } };

/** Samples whose labels are drawn by {@link truth}; the second feature is noise. */
function drawn(count: number, seed: number): LogisticSample[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const features = { cosine: 2 * random() - 1, noise: random() };
    return { features, label: random() < logistic(logOddsOf(truth, features)) };
  });
}

describe('fitLogistic', () => {
  it('finds the rule that labels were drawn by', () => {
    const { bias, coefficients } = fitLogistic(drawn(4000, 1));
    expect(Math.abs(bias - truth.bias)).toBeLessThan(0.3);
    expect(Math.abs(coefficients['cosine']! - 4)).toBeLessThan(0.5);
    expect(Math.abs(coefficients['noise']!)).toBeLessThan(0.5);
  });

  it('stays with the prior where there are few labels, and leaves it where there are many', () => {
    const prior = { bias: 0, coefficients: { cosine: 8, noise: 0 } };
    const slope = (count: number): number =>
      fitLogistic(drawn(count, 2), { prior, ridge: 30 }).coefficients['cosine']!;
    expect(slope(20)).toBeGreaterThan(6);
    expect(slope(4000)).toBeLessThan(5);
  });

  it('stays finite where a feature parts the classes, or is the same everywhere', () => {
    const samples = [0, 1, 2, 3].map((cosine) => ({ features: { cosine, same: 5 }, label: cosine > 1 }));
    const { bias, coefficients } = fitLogistic(samples);
    expect([bias, ...Object.values(coefficients)].every(Number.isFinite)).toBe(true);
    expect(coefficients['same']).toBe(0);
  });

  it('counts a sample by its weight', () => {
    const samples = drawn(200, 3);
    const heavy = samples.map((sample) => ({ ...sample, weight: sample.label ? 2 : 1 }));
    const twice = samples.flatMap((sample) => (sample.label ? [sample, sample] : [sample]));
    expect(logOddsOf(fitLogistic(heavy), { cosine: 0, noise: 0 })).toBeCloseTo(
      logOddsOf(fitLogistic(twice), { cosine: 0, noise: 0 }),
      1,
    );
  });

  it('refuses labels of one class, and numbers that are none', () => {
    expect(() => fitLogistic([])).toThrow(RangeError);
    expect(() => fitLogistic([{ features: { cosine: 1 }, label: true }])).toThrow('1 of 1 positive');
    const broken = [true, false].map((label) => ({ features: { cosine: Number.NaN }, label }));
    expect(() => fitLogistic(broken)).toThrow('cosine NaN');
  });
});

/** Lists with one relevant document each, which its cosine tells apart, mostly. */
function listsOf(count: number, seed: number): RelevanceList[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const isRelevant = Array.from({ length: 8 }, (_, n) => n === 0);
    const features = isRelevant.map((relevant) => {
      const cosine = (relevant ? 0.8 : 0.6) + 0.2 * (random() - 0.5);
      return { cosine, tokenMatch: cosine, weakestMatch: 0.5, passageMatch: cosine, wordsFound: random() };
    });
    const lexicalScores = isRelevant.map((relevant) => (relevant ? 9 : 3) + random());
    return { set: seed % 2 === 0 ? 'one' : 'other', features, isRelevant, lexicalScores };
  });
}

describe('fitRelevance', () => {
  const rules = fitRelevance([...listsOf(60, 1), ...listsOf(60, 2)]);

  it('gives probabilities that hold on other lists, of documents and of lists', () => {
    const { documents, hits, lists } = measureRelevance(listsOf(100, 3), () => rules);
    expect(documents).toEqual({ count: 800, relevant: 100 });
    expect(hits.error).toBeLessThan(0.05);
    expect(hits.auc).toBeGreaterThan(0.95);
    expect(lists!.auc).toBeGreaterThan(0.9);
    expect(lists!.count).toBe(200);
  });

  it('reads the scores of a lexical first stage in a rule of its own', () => {
    expect(Object.keys(rules.list!.coefficients)).toEqual(['best', 'gap', 'mean', 'standout']);
    expect(rules.lexicalList!.coefficients['firstStageLead']).toBeGreaterThan(0.5);
    const without = listsOf(20, 7).map(({ lexicalScores, ...list }) => list);
    expect(fitRelevance(without).lexicalList).toBeUndefined();
    expect(fitRelevance(without, rules).lexicalList).toEqual(rules.lexicalList);
  });

  it('keeps the rule for lists where too few lists speak, and has none without one', () => {
    const few = listsOf(5, 4);
    expect(fitRelevance(few).list).toBeUndefined();
    expect(fitRelevance(few, rules).list).toEqual(rules.list);
  });

  it('measures what was held out, with every fold holding both kinds', () => {
    const only = {
      set: 'one',
      features: listsOf(1, 5)[0]!.features.slice(1),
      isRelevant: new Array(7).fill(false),
    };
    const { hits } = crossValidateRelevance([...listsOf(2, 6), only, only, only, only, only, only]);
    expect(hits.bins.length).toBeGreaterThan(0);
  });
});

describe('reliabilityOf', () => {
  it('is the distance of what was said from what happened, by how often it was said', () => {
    const { bins, error } = reliabilityOf([0.1, 0.1, 0.9, 0.9], [false, false, true, false]);
    expect(bins).toEqual([
      { predicted: 0.1, observed: 0, count: 2 },
      { predicted: 0.9, observed: 0.5, count: 2 },
    ]);
    expect(error).toBeCloseTo((0.1 + 0.4) / 2);
  });

  it('refuses lists that do not fit, and what is no probability', () => {
    expect(() => reliabilityOf([], [])).toThrow(RangeError);
    expect(() => reliabilityOf([0.5], [])).toThrow(RangeError);
    expect(() => reliabilityOf([Number.NaN], [true])).toThrow('got NaN');
  });

  it('is drawn', async () => {
    const svg = await toReliabilityDiagram({ mine: reliabilityOf([0.2, 1], [false, true]) });
    expect(svg).toMatch(/^<svg/);
    expect(svg).toContain('mine (error 0.100)');
  });
});
