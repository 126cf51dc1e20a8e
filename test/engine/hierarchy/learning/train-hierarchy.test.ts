import { describe, expect, it } from 'vitest';
import {
  type EncoderPair,
  type HierarchyStage,
  makeTaxonomy,
  measurePair,
  optimiserSchema,
  type QueryDistances,
  recallByDistance,
  runRecall,
  startPair,
  taxonomyData,
  taxonomyDistances,
  trainHierarchy,
} from '../../../../engine/laboratory.ts';

const taxonomy = makeTaxonomy(
  Array.from({ length: 30 }, (_, i) => ({ child: `n${i + 1}`, parent: `n${Math.floor(i / 2)}` })),
);
const data = taxonomyData(taxonomy);
const lookup = { kind: 'lookup', keys: taxonomy.nodes } as const;
const fresh = (): EncoderPair =>
  startPair(data, { forms: { queries: lookup, documents: lookup }, width: 8, seed: 1 });
const stage: HierarchyStage = { steps: 300, batch: 16, temperature: 20, rate: 0.05, masksMatches: true };
const adamW = optimiserSchema.parse({ kind: 'adamw' });

describe('trainHierarchy', () => {
  it.each(['adamw', 'one-sided-shampoo'] as const)('learns a small tree by %s', async (kind) => {
    const pair = fresh();
    const before = measurePair(pair, data.matches).overall;
    const optimiser = optimiserSchema.parse({ kind });
    await trainHierarchy(data, { pretraining: stage, optimiser, seed: 1 }, { pair });
    const { overall } = measurePair(pair, data.matches);
    expect(before).toBeLessThan(0.4);
    expect(overall).toBeGreaterThan(0.9);
  });

  it('gives equal numbers for equal seeds', async () => {
    const [one, other] = [fresh(), fresh()];
    const settings = { pretraining: { ...stage, steps: 20 }, optimiser: adamW, seed: 3 };
    await trainHierarchy(data, settings, { pair: one });
    await trainHierarchy(data, settings, { pair: other });
    expect(one.queries.table.data).toEqual(other.queries.table.data);
  });

  it('ends finetuning with the numbers of its best measure, also when those are from before it', async () => {
    const pair = fresh();
    // A learning rate so high that every step of finetuning is harm.
    const finetuning = { ...stage, steps: 20, rate: 5, leastDistance: 3, measureEvery: 10 };
    const settings = { pretraining: stage, finetuning, optimiser: adamW, seed: 1 };
    const { bestStep } = await trainHierarchy(data, settings, { pair });
    expect(bestStep).toBe(0);
    expect(measurePair(pair, data.matches).overall).toBeGreaterThan(0.9);
  });

  it('draws far pairs more often where asked', async () => {
    const far = async (share: number): Promise<number> => {
      const pair = fresh();
      const pretraining = { ...stage, masksMatches: false, resampling: { distance: 3, share } };
      await trainHierarchy(data, { pretraining, optimiser: adamW, seed: 1 }, { pair });
      return measurePair(pair, data.matches).byDistance.find(({ distance }) => distance === 0)!.recall;
    };
    expect(await far(1)).toBeLessThan(await far(0.01));
  });

  it('stops where a loss is no number, naming the step, and where no pair is far enough', async () => {
    const pair = fresh();
    pair.queries.table.data.fill(3e38);
    pair.documents.table.data.fill(3e38);
    const training = trainHierarchy(data, { pretraining: stage, optimiser: adamW, seed: 1 }, { pair });
    await expect(training).rejects.toMatchObject({ name: 'TrainingError', fault: 'not-finite', step: 1 });
    const far = { pretraining: { ...stage, leastDistance: 9 }, optimiser: adamW, seed: 1 };
    await expect(trainHierarchy(data, far, { pair: fresh() })).rejects.toThrow(
      /no pair is 9 steps apart or more, the farthest 4/,
    );
  });

  it('ends with the reason of its signal', async () => {
    const training = trainHierarchy(
      data,
      { pretraining: stage, optimiser: adamW, seed: 1 },
      { pair: fresh(), signal: AbortSignal.abort(new Error('enough')) },
    );
    await expect(training).rejects.toThrow('enough');
  });
});

describe('recall by distance', () => {
  const small = makeTaxonomy([
    { child: 'clog', parent: 'shoe' },
    { child: 'shoe', parent: 'wear' },
  ]);
  const runOf = (...docIds: string[]) => docIds.map((docId, i) => ({ docId, score: -i }));

  it('counts a document among as many places as the query has documents', () => {
    const run = new Map([['clog', runOf('clog', 'hat', 'wear', 'shoe')]]);
    // Three are wanted: "shoe" at place 4 is too late.
    expect(runRecall(run, taxonomyDistances(small, true))).toEqual({
      queries: 1,
      pairs: 3,
      overall: 2 / 3,
      least: 0,
      byDistance: [
        { distance: 0, pairs: 1, recall: 1 },
        { distance: 1, pairs: 1, recall: 0 },
        { distance: 2, pairs: 1, recall: 1 },
      ],
    });
    expect(runRecall(run, taxonomyDistances(small, true), { cutoff: 4 }).least).toBe(1);
  });

  it('takes the own category out where it is not wanted, also of queries with a q before the id', () => {
    const run = new Map([['qclog', runOf('clog', 'shoe', 'wear')]]);
    expect(runRecall(run, taxonomyDistances(small, false)).overall).toBe(1);
  });

  it('counts queries that a run leaves out as not found, where asked', () => {
    const distances: QueryDistances = new Map([
      ['q1', new Map([['shoe', 1]])],
      ['q2', new Map([['wear', 1]])],
    ]);
    expect(runRecall(new Map([['q1', runOf('shoe')]]), distances).overall).toBe(1);
    const all = { countsAbsent: true };
    expect(runRecall(new Map([['q1', runOf('shoe')]]), distances, all).overall).toBe(0.5);
  });

  it('says which ids do not meet', () => {
    const run = new Map([['42', runOf('shoe')]]);
    expect(() => runRecall(run, taxonomyDistances(small, true))).toThrow(/ids such as "42", .* "clog"/);
    expect(() => recallByDistance([])).toThrow(RangeError);
  });
});
