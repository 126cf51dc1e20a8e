import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../engine/evaluation/random.ts';
import { LoopedEncoder } from '../../../../engine/rerank/encoder/looped-encoder.ts';
import { type AliasChainTask, drawAliasChain } from '../../../../engine/training/loops/alias-chain.ts';
import { chainAccuracy } from '../../../../engine/training/loops/chain-accuracy.ts';
import { chainConfig } from '../../../../engine/training/loops/chain-network.ts';
import { chainLists, chainTrainee } from '../../../../engine/training/loops/chain-trainee.ts';
import { type ChainTraining, trainChains } from '../../../../engine/training/loops/train-chains.ts';
import { createLosses } from '../../../../engine/training/losses/create-losses.ts';
import { lossesSchema } from '../../../../engine/training/losses/losses-recipe.ts';
import { optimiserSchema } from '../../../../engine/training/optimisers/settings.ts';
import { train } from '../../../../engine/training/trainer/train.ts';

const task: AliasChainTask = { names: 4, maxHops: 3 };
const network = { width: 32, heads: 4, innerWidth: 128 };
const optimiser = optimiserSchema.parse({ kind: 'adamw' });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-chains-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('drawAliasChain', () => {
  it('has as the right document the name at the end of the chain, for any number of hops', () => {
    const random = seededRandom(1);
    const seen = new Set<number>();
    for (let i = 0; i < 200; i += 1) {
      const { tokens, hops, relevant } = drawAliasChain(task, random);
      let name = tokens[4]!;
      for (let hop = 0; hop < tokens[5]! - 3; hop += 1) name = tokens[name]!;
      expect(relevant).toBe(name);
      expect(tokens[5]).toBe(3 + hops);
      seen.add(hops);
    }
    expect([...seen].sort()).toEqual([1, 2, 3]);
  });
});

describe('chainTrainee', () => {
  it('learns to follow chains by the trainer, with as many loops as there are hops', async () => {
    const config = chainConfig({ ...network, blocks: { prefix: 0, loop: 1, suffix: 0 }, loops: 3 }, task);
    const losses: number[] = [];
    const trainee = chainTrainee({ task, config, seed: 1 });
    await train({
      trainee,
      losses: createLosses(lossesSchema.parse({ infoNce: {} })),
      lists: chainLists(task, 4800, 2),
      settings: {
        steps: 200,
        listsPerStep: 24,
        seed: 3,
        maxGradientNorm: 1,
        optimiser,
        schedule: { rate: 3e-3, warmUpSteps: 30, decay: 'cosine', finalShare: 0 },
        checkpointEvery: 200,
      },
      folder: join(folder, 'run'),
      places: { workers: 2, threads: 1 },
      onProgress: ({ loss }) => losses.push(Number(loss)),
    });
    await trainee.save(join(folder, 'model'), trainee.tensors);
    const mean = (some: readonly number[]): number => some.reduce((sum, each) => sum + each, 0) / some.length;
    expect(mean(losses.slice(0, 10))).toBeGreaterThan(1.3); // four documents, nothing known: ln 4 = 1.39
    expect(mean(losses.slice(-20))).toBeLessThan(0.9);
    const encoder = await LoopedEncoder.open(join(folder, 'model'));
    const measure = { task, lists: 300, seed: 1001 };
    const [own, once] = [
      await chainAccuracy(encoder, measure),
      await chainAccuracy(encoder, { ...measure, loops: 1 }),
    ];
    await encoder.close();
    // Chance is a quarter; a training of a minute does not reach all of it.
    expect(Math.min(...own), `${own}`).toBeGreaterThan(0.55);
    // The loops do the work: with one, what three had learnt is gone.
    expect(mean(once), `${once} beside ${own}`).toBeLessThan(mean(own) - 0.15);
  });
});

describe('trainChains', () => {
  const training = (changes: Partial<ChainTraining>): ChainTraining => ({
    task: { names: 4, maxHops: 1 },
    config: chainConfig({ ...network, blocks: { prefix: 0, loop: 2, suffix: 0 }, loops: 1 }, task),
    steps: 120,
    batch: 32,
    optimiser,
    schedule: { rate: 5e-3, warmUpSteps: 20, decay: 'cosine', finalShare: 0 },
    clipNorm: 1,
    seed: 1,
    ...changes,
  });

  it('draws layers together under regularisation, and learns as well', async () => {
    const oneHop: AliasChainTask = { names: 4, maxHops: 1 };
    const config = chainConfig({ ...network, blocks: { prefix: 0, loop: 2, suffix: 0 }, loops: 1 }, oneHop);
    const free = await trainChains(training({ task: oneHop, config }));
    const drawn = await trainChains(
      training({ task: oneHop, config, regularisation: { distance: 1, weight: 10 } }),
    );
    const end = (steps: typeof free.steps): number =>
      steps.slice(-20).reduce((sum, { loss }) => sum + loss / 20, 0);
    expect(drawn.steps[0]!.cosine).toBeLessThan(0.2);
    expect(drawn.steps.at(-1)!.cosine).toBeGreaterThan(0.9);
    expect(end(free.steps)).toBeLessThan(0.7);
    expect(end(drawn.steps), `${end(drawn.steps)} beside ${end(free.steps)}`).toBeLessThan(0.7);
  });

  it('gives the same weights from the same seed', async () => {
    const [first, second] = [
      await trainChains(training({ steps: 3 })),
      await trainChains(training({ steps: 3 })),
    ];
    for (const [name, { data }] of first.tensors) expect(second.tensors.get(name)!.data).toEqual(data);
  });

  it('goes on from a checkpoint to the weights of a training that nobody stopped', async () => {
    const checkpoint = { path: join(folder, 'checkpoint'), every: 2 };
    const whole = await trainChains(training({ steps: 6 }));
    const stopped = trainChains(
      training({
        steps: 6,
        checkpoint,
        onStep: (step) => {
          if (step === 5) throw new Error('stopped');
        },
      }),
    );
    await expect(stopped).rejects.toThrow('stopped');
    const resumed = await trainChains(training({ steps: 6, checkpoint }));
    expect(resumed.steps).toHaveLength(2);
    for (const [name, { data }] of whole.tensors) expect(resumed.tensors.get(name)!.data).toEqual(data);
  });

  it('stops at the step whose loss is no number, and says which', async () => {
    const schedule = { rate: 1e30, warmUpSteps: 0, decay: 'constant', finalShare: 0 } as const;
    await expect(trainChains(training({ schedule }))).rejects.toThrow(/the loss of step \d+ is NaN/);
  });
});
