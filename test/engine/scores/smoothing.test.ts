import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Embeddings, Ranking, Shortlist, StepContext } from '../../../engine/contract.ts';
import { ConfigurationError } from '../../../engine/errors.ts';
import { normalNumber, seededRandom } from '../../../engine/laboratory.ts';
import { type CrfList, crfMeanField, crfScores } from '../../../engine/scores/continuous-crf.ts';
import { fusion } from '../../../engine/scores/fusion.ts';
import { neighbourEdges } from '../../../engine/scores/neighbour-edges.ts';
import { rankLogits } from '../../../engine/scores/ranking.ts';
import { rankingFault } from '../../../engine/scores/ranking-fault.ts';
import { smoothing } from '../../../engine/scores/smoothing.ts';

/** A list with random unaries, some missing, and edges of random rows. */
function randomList(seed: number, count = 12): CrfList {
  const random = seededRandom(seed);
  const unaries = Array.from({ length: 2 }, () =>
    Array.from({ length: count }, () => (random() < 0.2 ? Number.NaN : normalNumber(random))),
  );
  unaries[1]![3] = 0.5;
  const rows = Float32Array.from({ length: count * 3 }, () => normalNumber(random));
  return { unaries, edges: neighbourEdges({ width: 3, rows }, 4) };
}

/** The energy, written as in the paper. */
function energy({ unaries, edges }: CrfList, weights: readonly number[], edge: number, y: readonly number[]) {
  const count = y.length;
  let sum = 0;
  unaries.forEach((values, k) => {
    values.forEach((value, i) => {
      if (!Number.isNaN(value)) sum += weights[k]! * (y[i]! - value) ** 2;
    });
  });
  for (let i = 0; i < count; i += 1)
    for (let j = 0; j < count; j += 1) sum += 0.5 * edge * edges[i * count + j]! * (y[i]! - y[j]!) ** 2;
  return sum;
}

/** Its minimum by Newton's step along each axis in turn, from derivatives by differences. */
function minimum(list: CrfList, weights: readonly number[], edge: number): number[] {
  const y = list.unaries[0]!.map(() => 0);
  for (let round = 0; round < 400; round += 1) {
    y.forEach((value, i) => {
      const at = (shift: number): number =>
        energy(
          list,
          weights,
          edge,
          y.map((each, j) => (j === i ? value + shift : each)),
        );
      const [down, here, up] = [at(-1), at(0), at(1)];
      const curvature = up - 2 * here + down;
      if (curvature > 1e-12) y[i] = value - (up - down) / 2 / curvature;
    });
  }
  return y;
}

describe('the continuous CRF', () => {
  it.each([1, 2, 3])('gives the most probable scores, as a numeric optimiser finds them (%i)', (seed) => {
    const whole = randomList(seed);
    // Every document has a unary, so that nothing is held at the mean.
    const list = {
      ...whole,
      unaries: [whole.unaries[0]!, whole.unaries[1]!.map((x) => (Number.isNaN(x) ? 0 : x))],
    };
    const scores = crfScores(list, { unaries: [0.7, 0.3], edges: 0.4 });
    minimum(list, [0.7, 0.3], 0.4).forEach((value, i) => {
      expect(Math.abs(scores[i]! - value)).toBeLessThan(1e-8);
    });
  });

  it('is approached by mean field', () => {
    const list = randomList(4);
    const weights = { unaries: [0.8, 0.2], edges: 0.1 };
    const exact = crfScores(list, weights);
    const gap = (iterations: number): number =>
      Math.max(...crfMeanField(list, weights, iterations).map((value, i) => Math.abs(value - exact[i]!)));
    expect(gap(5)).toBeLessThan(gap(1));
    expect(gap(400)).toBeLessThan(1e-6);
  });

  it('gives a document of which no unary speaks what its neighbours have, and the mean where it has none', () => {
    const rows = Float32Array.from([1, 0, 1, 0.01, 0, 1, -1, 0]);
    const edges = neighbourEdges({ width: 2, rows }, 1);
    const list = { unaries: [[2, Number.NaN, -1, Number.NaN]], edges };
    const [, close, , alone] = crfScores(list, { unaries: [1], edges: 0.5 });
    expect(close).toBeGreaterThan(1.5);
    expect(alone).toBeCloseTo(0.5, 6);
  });
});

describe('edges', () => {
  it('are symmetric, and leave out rows without a direction or that are no numbers', () => {
    const rows = Float32Array.from([1, 0, 0.9, 0.1, 0, 0, Number.NaN, 1, -1, 0]);
    const edges = neighbourEdges({ width: 2, rows }, 2);
    const at = (i: number, j: number): number => edges[i * 5 + j]!;
    expect(at(0, 1)).toBeCloseTo(0.994, 3);
    for (let i = 0; i < 5; i += 1) {
      expect(at(i, i)).toBe(0);
      for (const away of [2, 3, 4]) expect(at(i, away)).toBe(0);
      for (let j = 0; j < 5; j += 1) expect(at(i, j)).toBe(at(j, i));
    }
  });
});

const shortlistOf = (scores: readonly (number | undefined)[]): Shortlist => ({
  query: { text: 'q' },
  firstStage: 'lexical',
  candidates: scores.map((score, i) => ({
    docId: String(i),
    text: `text ${i}`,
    segments: [],
    ...(score !== undefined && { firstStageScore: score }),
  })),
});

/** A context whose embedder gives these rows. */
function contextOf(embeddings: Embeddings): StepContext {
  const embed = (): Promise<Embeddings> => Promise.resolve(embeddings);
  return { signal: new AbortController().signal, signals: [], embedder: { embed }, anchors: embed };
}

const orderOf = ({ candidates }: Ranking): number[] => candidates.map(({ index }) => index);

describe('smoothing', () => {
  const numbers = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 2, maxLength: 15 });

  it('without edges is fusion', async () => {
    await fc.assert(
      fc.asyncProperty(numbers, async (logits) => {
        const shortlist = shortlistOf(logits.map((logit, i) => -i * logit));
        const rows = Float32Array.from({ length: logits.length * 2 }, (_, i) => Math.sin(i));
        const step = smoothing({ edgeWeight: 0, firstStageWeight: 0.3 });
        const smoothed = await step(rankLogits(logits), shortlist, contextOf({ width: 2, rows }));
        const fused = fusion({ weight: 0.3 })(rankLogits(logits), shortlist);
        for (const { index, logit } of smoothed.candidates) {
          expect(logit).toBeCloseTo(fused.candidates.find((each) => each.index === index)!.logit, 9);
        }
      }),
    );
  });

  it('gives every candidate once with a finite logit, whatever the edges, the scores and what was read', async () => {
    const any = fc.oneof(fc.double({ min: -3, max: 3 }), fc.constant(Number.NaN));
    const options = fc.record({
      edgeWeight: fc.double({ min: 0, max: 1e4, noNaN: true }),
      firstStageWeight: fc.double({ min: 0, max: 1, noNaN: true }),
      neighbours: fc.integer({ min: 1, max: 20 }),
      edges: fc.constantFrom('anchors' as const, 'embeddings' as const),
      iterations: fc.integer({ min: 0, max: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(numbers, fc.infiniteStream(any), options, async (logits, more, chosen) => {
        const next = (): number => more.next().value!;
        const shortlist = shortlistOf(logits.map(next));
        const rows = Float32Array.from({ length: logits.length * 3 }, next);
        const { candidates, usage } = rankLogits(logits);
        const ranking = {
          usage,
          candidates: candidates.map((each) => ({ ...each, ...(next() > 1 && { isRead: false as const }) })),
        };
        const given = await smoothing(chosen)(ranking, shortlist, contextOf({ width: 3, rows }));
        expect(rankingFault(given, logits.length)).toBeUndefined();
        expect([...orderOf(given)].sort((a, b) => a - b)).toEqual([...logits.keys()]);
      }),
    );
  });

  it('lifts an unread document that is like the best one that was read', async () => {
    const { candidates, usage } = rankLogits([3, 0, 1, 0, 0]);
    const ranking = {
      usage,
      candidates: candidates.map((each) => (each.index > 2 ? { ...each, isRead: false as const } : each)),
    };
    const rows = Float32Array.from([1, 0, 0, 0, 1, 0, 0, 0.8, 0.6, 0, 1, 0.1, 1, 0.1, 0]);
    const step = smoothing({ edgeWeight: 1, neighbours: 1 });
    const given = await step(ranking, shortlistOf([1, 1, 1, 1, 1]), contextOf({ width: 3, rows }));
    expect(orderOf(given).slice(0, 2)).toEqual([0, 4]);
  });

  it('lets a list of one pass, and one without an embedder', async () => {
    const step = smoothing({ edgeWeight: 1 });
    const one = rankLogits([4]);
    expect(await step(one, shortlistOf([1]), contextOf({ width: 1, rows: Float32Array.of(1) }))).toBe(one);
    const two = rankLogits([1, 2]);
    const bare = { signal: new AbortController().signal, signals: [] };
    expect(await step(two, shortlistOf([1, 2]), bare)).toBe(two);
  });

  it('names every option that cannot be', () => {
    const make = (): unknown =>
      smoothing({ edgeWeight: -1, firstStageWeight: 2, neighbours: 0, iterations: 0.5, edges: 'x' as never });
    expect(make).toThrow(ConfigurationError);
    for (const name of ['edgeWeight', 'firstStageWeight', 'neighbours', 'iterations', 'edges'])
      expect(make).toThrow(name);
    expect(() => smoothing({ edgeWeight: Number.NaN })).toThrow('got NaN');
  });
});
