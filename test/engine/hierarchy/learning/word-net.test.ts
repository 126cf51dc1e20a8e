import { beforeAll, describe, expect, it } from 'vitest';
import {
  copyPair,
  type EncoderPair,
  type HierarchyRecall,
  type HierarchyStage,
  measurePair,
  optimiserSchema,
  seededRandom,
  startPair,
  taxonomyData,
  trainHierarchy,
  trainStage,
} from '../../../../engine/laboratory.ts';
import { nounsBelow } from '../../../support/tiny/word-net-nouns.ts';

/** Ungulates, 315 synsets: the smallest part of WordNet found on which every figure of the whole `mammal` shows. */
const data = taxonomyData(nounsBelow('02373458'));
const optimiser = optimiserSchema.parse({ kind: 'adamw' });
const forms = {
  queries: { kind: 'lookup', keys: data.queries },
  documents: { kind: 'lookup', keys: data.documents },
} as const;
/** Batches of 22 % of the corpus, as 256 of 1,182 mammals are. */
const pretraining: HierarchyStage = { steps: 2000, batch: 70, temperature: 20, rate: 0.05 };
const second: HierarchyStage = { steps: 800, batch: 70, temperature: 20, rate: 0.005, decay: 'constant' };

const fresh = (): EncoderPair => startPair(data, { forms, width: 8, seed: 1 });
const at = ({ byDistance }: HierarchyRecall, distance: number): number =>
  byDistance.find((one) => one.distance === distance)!.recall;
const from = ({ byDistance }: HierarchyRecall, distance: number): number => {
  const far = byDistance.filter((one) => one.distance >= distance);
  const pairs = far.reduce((sum, one) => sum + one.pairs, 0);
  return far.reduce((sum, { recall, pairs: own }) => sum + recall * own, 0) / pairs;
};

describe('a lookup-table dual encoder of WordNet', () => {
  let standard: EncoderPair;
  let recall: HierarchyRecall;
  const continued = async (stage: Partial<HierarchyStage>): Promise<HierarchyRecall> => {
    const pair = copyPair(standard);
    const random = seededRandom(7);
    await trainStage(pair, { ...second, ...stage }, { matches: data.matches, optimiser, random });
    return measurePair(pair, data.matches);
  };

  beforeAll(async () => {
    standard = fresh();
    await trainHierarchy(data, { pretraining, optimiser, seed: 1 }, { pair: standard });
    recall = measurePair(standard, data.matches);
  });

  it('loses what is far when every other document of the batch counts as wrong', () => {
    expect(at(recall, 0)).toBeGreaterThanOrEqual(0.98);
    expect(from(recall, 3)).toBeLessThanOrEqual(0.15);
  });

  it('gains nothing from as many more steps of the same', async () => {
    expect((await continued({})).overall - recall.overall).toBeLessThan(0.02);
  });

  it('finds far documents after finetuning on far pairs with a flat softmax, and keeps near ones', async () => {
    const finetuned = await continued({ temperature: 500, leastDistance: 3 });
    expect(at(finetuned, 3)).toBeGreaterThanOrEqual(0.7);
    expect(finetuned.overall).toBeGreaterThanOrEqual(1.7 * recall.overall);
    expect(at(finetuned, 0)).toBeGreaterThanOrEqual(0.88);
  });

  it('loses nothing far where matches of the batch are left out of the softmax', async () => {
    const pair = fresh();
    const masked = { ...pretraining, masksMatches: true };
    await trainHierarchy(data, { pretraining: masked, optimiser, seed: 1 }, { pair });
    const found = measurePair(pair, data.matches);
    expect(found.overall).toBeGreaterThanOrEqual(0.97);
    expect(from(found, 3)).toBeGreaterThanOrEqual(0.97);
  });
});
