import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError, type EncoderReranker, openEncoderReranker } from '../../../engine/index.ts';
import { defaultFitSettings } from '../../../engine/training/fit/fit-settings.ts';
import { createLosses } from '../../../engine/training/losses/create-losses.ts';
import {
  type ReadoutTraineeOptions,
  readoutTrainee,
} from '../../../engine/training/trainees/readout/readout-trainee.ts';
import { ListRuns } from '../../../engine/training/trainer/list-runs.ts';
import type { TrainedTensors } from '../../../engine/training/trainer/trainee.ts';
import type { TrainingList } from '../../../engine/training/trainer/training-list.ts';
import { assertAllClose } from '../../support/checks/all-close.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';
import { randomNumbers, tinyReadout } from '../../support/tiny/tiny-states.ts';

const cacheFolder = mkdtempSync(join(tmpdir(), 'blockrank-cache-'));
const texts = [
  'Bread dough rises while it rests.',
  'The stars of the southern sky are bright in June.',
  'A recipe for bread: flour, water, salt and time.',
  `A long text about bread. ${'It goes on about the oven and the crust. '.repeat(8)}`,
];
const list: TrainingList = {
  set: 'tiny',
  queryId: '1',
  query: 'how to bake bread',
  documents: texts.map((text, i) => ({ docId: String(i), text, gain: i % 2, firstStageScore: 4 - i })),
};
const everything = {
  sizes: { readingRank: 2, anchorRank: 3, tokenRank: 2, listWidth: 4 },
  scalars: ['alpha', 'readingTau', 'anchorTau', 'tokenTau', 'tokenWeight'],
} satisfies Partial<ReadoutTraineeOptions>;

let reranker: EncoderReranker;
const opened: EncoderReranker[] = [];
async function open(model: string): Promise<EncoderReranker> {
  const made = await openEncoderReranker({ model, cacheFolder, workers: 1, warmUp: false });
  opened.push(made);
  return made;
}
beforeAll(async () => {
  reranker = await open(await tinyModel());
});
afterAll(() => Promise.all(opened.map((each) => each.close())));

async function served(model: EncoderReranker): Promise<number[]> {
  const { candidates } = await model.rerank(shortlistOf(list.query, ...texts));
  return candidates.toSorted((a, b) => a.index - b.index).map(({ logit }) => logit);
}

async function trained(
  options: Omit<ReadoutTraineeOptions, 'reranker'>,
  use: (runs: ListRuns, trainee: ReturnType<typeof readoutTrainee>) => Promise<void>,
): Promise<void> {
  const trainee = readoutTrainee({ reranker, ...options });
  const losses = createLosses(defaultFitSettings.losses);
  const runs = await ListRuns.open({ trainee, losses, served: trainee.ownLogits }, {});
  try {
    await use(runs, trainee);
  } finally {
    await runs.close();
  }
}

/** Numbers that a training might leave, small enough that no temperature runs away. */
function shaken(tensors: TrainedTensors): TrainedTensors {
  const next = randomNumbers(9);
  return new Map(
    [...tensors].map(([name, { shape, data }]) => [name, { shape, data: data.map((v) => v + 0.2 * next()) }]),
  );
}

describe('readoutTrainee', () => {
  it.each([
    ['with the token head as numbers', {}],
    ['with every part and number in training', everything],
    ['fused', { ...everything, isFused: true }],
  ])('starts as the model exactly, %s', async (_, options) => {
    await trained(options, async (runs, trainee) => {
      assertAllClose(await runs.logits(list, trainee.tensors), await served(reranker), { rtol: 2e-6 });
    });
  });

  it('saves a model that serves what was trained', async () => {
    await trained({ ...everything, isFused: true }, async (runs, trainee) => {
      const tensors = shaken(trainee.tensors);
      const folder = join(mkdtempSync(join(tmpdir(), 'blockrank-trained-')), 'model');
      await trainee.save(folder, tensors);
      const model = await open(folder);
      const expected = await runs.logits(list, tensors);
      assertAllClose(await served(model), Array.from(expected), { rtol: 1e-5, atol: 1e-4 });
      expect(Math.abs(expected[0]! - (await served(reranker))[0]!)).toBeGreaterThan(0.05);
      expect(model.info.fusionWeight).toBeCloseTo(trainee.fusionWeight(tensors), 9);
      expect(model.info.fusionWeight).not.toBeCloseTo(reranker.info.fusionWeight!, 3);
      expect(model.info.encodingDigest).toBe(reranker.info.encodingDigest);
    });
  });

  it('lowers the loss of a list that it learns', async () => {
    await trained({ ...everything, isFused: true }, async (runs, trainee) => {
      const before = await runs.loss(list);
      for (let step = 0; step < 20; step += 1) {
        const { gradients } = await runs.learn(list);
        for (const [name, { data }] of trainee.tensors) {
          for (let i = 0; i < data.length; i += 1) data[i]! -= 0.05 * gradients.get(name)![i]!;
        }
      }
      expect(await runs.loss(list)).toBeLessThan(0.9 * before);
    });
  });

  it('leaves numbers out that play no part', async () => {
    const readsNothing = await open(await tinyModel({ readout: { ...tinyReadout, alpha: 0 } }));
    const { tensors } = readoutTrainee({ reranker: readsNothing });
    expect([...tensors.keys()].filter((name) => name.startsWith('scalar.'))).toEqual([
      'scalar.anchorTau',
      'scalar.tokenWeight',
    ]);
  });

  it('does not train a model whose heads are trained', async () => {
    await trained({}, async (_, trainee) => {
      const folder = join(mkdtempSync(join(tmpdir(), 'blockrank-trained-')), 'model');
      await trainee.save(folder, trainee.tensors);
      const model = await open(folder);
      expect(() => readoutTrainee({ reranker: model })).toThrow(ConfigurationError);
    });
  });
});
