import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigurationError, openReranker } from '../../../../engine/index.ts';
import { createLosses } from '../../../../engine/training/losses/create-losses.ts';
import { lossesSchema } from '../../../../engine/training/losses/losses-recipe.ts';
import { optimiserSchema } from '../../../../engine/training/optimisers/settings.ts';
import type { DecoderTraineeOptions } from '../../../../engine/training/trainees/decoder/decoder-model.ts';
import { decoderTrainee } from '../../../../engine/training/trainees/decoder/decoder-trainee.ts';
import { ListRuns } from '../../../../engine/training/trainer/list-runs.ts';
import { train } from '../../../../engine/training/trainer/train.ts';
import type { Trainee } from '../../../../engine/training/trainer/trainee.ts';
import type { TrainingList } from '../../../../engine/training/trainer/training-list.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { type TinyDecoder, tinyDecoder } from '../../../support/tiny/tiny-decoder.ts';

// Longer documents before shorter ones, so that the layout has another order than the list.
const lists: readonly TrainingList[] = ['stars', 'bread', 'ships'].map((topic, q) => ({
  set: 'tiny',
  queryId: `q${q}`,
  query: `who writes about ${topic}`,
  documents: [
    'a long tale of nothing at all, told by a man who had forgotten it',
    `${topic}, and what they are made of`,
    'salt',
  ].map((text, i) => ({ docId: `d${i}`, text, gain: i === 1 ? 1 : 0 })),
}));
const losses = createLosses(lossesSchema.parse({ own: { blockRank: 0.1, nextToken: 1 } }));
const rankingAlone = createLosses(lossesSchema.parse({ own: { blockRank: 1 } }));

let scratch: string;
let models: string[] = [];
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'blockrank-decoder-trainee-'));
});
afterEach(async () => {
  for (const folder of [scratch, ...models]) await rm(folder, { recursive: true });
  models = [];
});

async function opened(model: TinyDecoder, options: Partial<DecoderTraineeOptions> = {}) {
  const folder = await tinyDecoder(model);
  models.push(folder);
  return { folder, trainee: await decoderTrainee({ model: folder, ...options }) };
}

async function logitsOf(trainee: Trainee, of = losses): Promise<Float32Array[]> {
  const runs = await ListRuns.open({ trainee, losses: of }, { workers: 1, threads: 1 });
  const logits: Float32Array[] = [];
  for (const list of lists) logits.push(await runs.logits(list));
  await runs.close();
  return logits;
}

/** Logarithms of the masses that a folder serves, in the list's order. */
async function servedLogits(model: string): Promise<number[][]> {
  const reranker = await openReranker({ model, cacheFolder: join(scratch, 'cache'), warmUp: false });
  const all: number[][] = [];
  for (const { query, documents } of lists) {
    const { candidates } = await reranker.rerank(
      {
        query: { text: query },
        firstStage: 'unknown',
        candidates: documents.map(({ docId, text }) => ({ docId, text, segments: [] })),
      },
      { explain: true },
    );
    const masses: number[] = [];
    for (const { index, explanation } of candidates) masses[index] = Math.log(explanation?.mass ?? 0);
    all.push(masses);
  }
  await reranker.close();
  return all;
}

const trained = (trainee: Trainee, of = losses, rate = 3e-3) => {
  const seen: number[] = [];
  const done = train({
    trainee,
    losses: of,
    lists,
    settings: {
      steps: 12,
      listsPerStep: 3,
      seed: 1,
      optimiser: optimiserSchema.parse({ kind: 'adamw' }),
      schedule: { rate, warmUpSteps: 1, decay: 'constant', finalShare: 0 },
      checkpointEvery: 12,
    },
    folder: join(scratch, 'run'),
    places: { workers: 1, threads: 1 },
    onProgress: ({ loss }) => seen.push(Number(loss)),
  });
  return done.then(() => seen);
};

describe('decoderTrainee', () => {
  it.each<[TinyDecoder, string, Partial<DecoderTraineeOptions>]>([
    ['mistral-tiny', 'whole', {}],
    ['llama-tiny', 'by low-rank matrices', { lowRank: { rank: 4 } }],
    ['qwen3-tiny', 'whole', {}],
  ])(
    'starts from %s, lowers its losses, and saves what serves them, trained %s',
    async (model, _, options) => {
      const { folder, trainee } = await opened(model, options);
      for (const [i, start] of (await logitsOf(trainee)).entries()) {
        assertAllClose(start, (await servedLogits(folder))[i]!, { atol: 1e-4 });
      }
      const seen = await trained(trainee);
      expect(seen.at(-1)).toBeLessThan(0.9 * seen[0]!);
      await trainee.save(join(scratch, 'saved'), trainee.tensors);
      const [served, wanted] = [await servedLogits(join(scratch, 'saved')), await logitsOf(trainee)];
      for (const [i, logits] of wanted.entries()) assertAllClose(served[i]!, logits, { atol: 1e-4 });
      const before = await servedLogits(folder);
      expect(Math.abs(before[0]![1]! - served[0]![1]!)).toBeGreaterThan(2e-3); // twenty times the tolerance
      await trainee.close();
    },
  );

  it('begins low-rank matrices as the model itself', async () => {
    const { folder, trainee } = await opened('llama-tiny', {
      lowRank: { rank: 4, projections: ['q', 'k', 'v', 'o', 'gate', 'up', 'down'] },
    });
    const whole = await decoderTrainee({ model: folder });
    const [given, wanted] = [await logitsOf(trainee), await logitsOf(whole)];
    for (const [i, logits] of given.entries()) assertAllClose(logits, wanted[i]!, { atol: 1e-6 });
    // Two matrices for each of seven projections of each layer.
    expect(trainee.tensors.size % 14).toBe(0);
  });

  it('trains only what scores depend on without the loss of the answer', async () => {
    const { folder, trainee } = await opened('llama-tiny', { nextToken: false });
    const names = [...trainee.tensors.keys()];
    // The scoring layer is 2: its queries and keys are read, and nothing above.
    expect(names).toContain('model.layers.2.self_attn.k_proj.weight');
    expect(names.filter((name) => /layers\.(2.*(v_proj|mlp)|3)|lm_head|model\.norm/.test(name))).toEqual([]);
    expect(Object.keys(trainee.ownLosses!)).toEqual(['blockRank']);
    const seen = await trained(trainee, rankingAlone, 1e-3);
    expect(seen.at(-1)).toBeLessThan(seen[0]!);
    await trainee.save(join(scratch, 'saved'), trainee.tensors);
    const served = await servedLogits(join(scratch, 'saved'));
    for (const [i, logits] of (await logitsOf(trainee, rankingAlone)).entries()) {
      assertAllClose(served[i]!, logits, { atol: 1e-4 });
    }
    expect(folder).toBeDefined();
  });

  it('trains the layers that are named, and leaves the others', async () => {
    const { trainee } = await opened('llama-tiny', {
      layers: [1],
      lowRank: { rank: 2, projections: ['q', 'down'] },
    });
    expect([...trainee.tensors.keys()].sort()).toEqual([
      'model.layers.1.mlp.down_proj.weight.low-rank.down',
      'model.layers.1.mlp.down_proj.weight.low-rank.up',
      'model.layers.1.self_attn.q_proj.weight.low-rank.down',
      'model.layers.1.self_attn.q_proj.weight.low-rank.up',
    ]);
    expect((await trained(trainee)).at(-1)).toBeDefined();
  });

  it('answers a list without a relevant document with none, at no loss of masses', async () => {
    const { trainee } = await opened('llama-tiny');
    const runs = await ListRuns.open({ trainee, losses }, { workers: 1, threads: 1 });
    const none = { ...lists[0]!, documents: lists[0]!.documents.map((each) => ({ ...each, gain: 0 })) };
    const { parts } = await runs.learn(none);
    await runs.close();
    expect(parts['blockRank']).toBeCloseTo(0, 5);
    expect(parts['nextToken']).toBeGreaterThan(0);
  });

  it('tells every option that cannot be', async () => {
    const folder = await tinyDecoder('llama-tiny');
    models.push(folder);
    const error = await decoderTrainee({
      model: folder,
      layers: [9],
      lowRank: { rank: 0, projections: [] },
      tau: 0,
      scoring: { layer: 7 },
    }).catch((each: unknown) => each);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as ConfigurationError).issues.map(({ path }) => path).sort()).toEqual([
      'layers',
      'lowRank.projections',
      'lowRank.rank',
      'scoring.layer',
      'tau',
    ]);
    await expect(decoderTrainee({ model: join(scratch, 'some.gguf') })).rejects.toThrow(/GGUF/);
  });
});
