import { describe, expect, it } from 'vitest';
import {
  crfLikelihood,
  fitSmoothing,
  measureSmoothed,
  normalNumber,
  parseMeasure,
  type SmoothingLesson,
  seededRandom,
} from '../../../engine/laboratory.ts';
import { crfMeanField } from '../../../engine/scores/continuous-crf.ts';
import { neighbourEdges } from '../../../engine/scores/neighbour-edges.ts';

const measure = parseMeasure('nDCG@10');
const documents = 24;

/**
 * Lists of eight topics, one of them relevant: documents of a topic are alike. The model's unary is relevance and noise,
 * the first stage's more noise.
 */
function lessons({ noise, read = documents }: { noise: number; read?: number }): SmoothingLesson[] {
  const random = seededRandom(5);
  return Array.from({ length: 40 }, () => {
    const topics = Array.from({ length: documents }, () => Math.floor(random() * 5));
    const gains = topics.map((topic) => (topic === 0 ? 1 : 0));
    const rows = Float32Array.from({ length: documents * 8 }, (_, at) => {
      const isTopic = at % 8 === topics[Math.floor(at / 8)]!;
      return (isTopic ? 1 : 0) + 0.1 * normalNumber(random);
    });
    const seen = (deviation: number): number[] =>
      gains.map((gain) => 3 * gain + deviation * normalNumber(random));
    const model = seen(noise).map((value, i) => (i < read ? value : Number.NaN));
    const list = { unaries: [model, seen(4)], edges: neighbourEdges({ width: 8, rows }, 5) };
    return { list, gains, ideal: [...gains].sort((a, b) => b - a) };
  });
}

describe('learning to smooth', () => {
  it('has the gradient of the likelihood', () => {
    const [{ list, gains }] = lessons({ noise: 2, read: 18 }) as [SmoothingLesson];
    const at = (unaries: readonly number[], edges: number): number =>
      crfLikelihood(list, { unaries, edges }, gains).value;
    const { gradient } = crfLikelihood(list, { unaries: [0.7, 0.4], edges: 0.3 }, gains);
    const step = 1e-5;
    const slope = (up: number, down: number): number => (up - down) / (2 * step);
    expect(slope(at([0.7 + step, 0.4], 0.3), at([0.7 - step, 0.4], 0.3))).toBeCloseTo(
      gradient.unaries[0]!,
      4,
    );
    expect(slope(at([0.7, 0.4 + step], 0.3), at([0.7, 0.4 - step], 0.3))).toBeCloseTo(
      gradient.unaries[1]!,
      4,
    );
    expect(slope(at([0.7, 0.4], 0.3 + step), at([0.7, 0.4], 0.3 - step))).toBeCloseTo(gradient.edges, 4);
  });

  it('gains on lists that it did not see where documents that are alike are relevant together', () => {
    const fit = fitSmoothing(lessons({ noise: 3 }), { measure, folds: 3, steps: 40 });
    expect(fit.edgeWeight).toBeGreaterThan(0.05);
    expect(fit.gain.mean).toBeGreaterThan(0.02);
    expect(fit.p).toBeLessThan(0.01);
    expect(fit.isGain).toBe(true);
  });

  it('stays harmless, and says that it does not help, where the model is right already', () => {
    const fit = fitSmoothing(lessons({ noise: 0.01 }), {
      measure,
      folds: 3,
      steps: 40,
      firstStageWeight: 0.01,
    });
    expect(fit.heldOut.before - fit.heldOut.smoothed).toBeLessThan(0.002);
    expect(fit.isGain).toBe(false);
  });

  it('completes lists of which the model read a third', () => {
    const fit = fitSmoothing(lessons({ noise: 1, read: 8 }), { measure, folds: 3, steps: 40 });
    expect(fit.heldOut.smoothed - fit.heldOut.before).toBeGreaterThan(0.02);
  });

  it('orders by five iterations of mean field as by the exact solution', () => {
    const all = lessons({ noise: 3 });
    const learnt = { edgeWeight: 0.1, firstStageWeight: 0.2 };
    const weights = { unaries: [0.8, 0.2], edges: learnt.edgeWeight };
    const differences = all.map((lesson) => {
      const scores = crfMeanField(lesson.list, weights, 5);
      const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b);
      const gains = order.map((index) => lesson.gains[index]!);
      return measure.value(gains, lesson.ideal) - measureSmoothed(lesson, learnt, measure);
    });
    expect(Math.abs(differences.reduce((sum, each) => sum + each, 0) / all.length)).toBeLessThan(0.002);
  });

  it('refuses fewer lists than folds', () => {
    expect(() => fitSmoothing([], { measure, folds: 3, steps: 40 })).toThrow(RangeError);
  });
});
