/** Models and lists of a domain that they were not trained on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LayerModelOptions } from '../../engine/training/trainees/encoder-layer-model.ts';
import { encoderLayersTrainee } from '../../engine/training/trainees/encoder-layers.ts';
import type { TrainingList } from '../../engine/training/trainer/training-list.ts';
import { tinyModel } from '../../test/support/tiny/tiny-model.ts';
import { commandLists } from './command-lists.ts';
import { learn } from './list-learner.ts';
import { wordLists } from './word-lists.ts';

/** A model, lists of a domain that is new to it, and how long it learns. */
export interface ShiftedDomain {
  readonly model: LayerModelOptions;
  /** Rank of low-rank parts. */
  readonly rank: number;
  readonly steps: number;
  readonly listsAStep: number;
  /** Learning rates. */
  readonly rates: {
    readonly full: number;
    readonly lora: number;
    readonly rw: number;
    readonly lowRank: number;
  };
  readonly test: readonly TrainingList[];
  /** Other lists for each seed; none of the test's. */
  train(seed: number): readonly TrainingList[];
  close(): Promise<void>;
}

const firstSteps = 250;

/**
 * The tiny model, trained as a whole on one toy domain first, and lists of another. Rates were chosen among three each, a
 * factor of three apart, from the untrained model on lists of like form.
 */
export async function shiftedWords(): Promise<ShiftedDomain> {
  const [start, scratch] = [await tinyModel(), await mkdtemp(join(tmpdir(), 'blockrank-words-'))];
  const folder = join(scratch, 'model');
  const trainee = await encoderLayersTrainee({ model: start });
  const first = { steps: firstSteps, lists: 4, rate: 1e-3, threads: 1 };
  await learn(trainee, wordLists('first', 4 * firstSteps, 1), first);
  await trainee.save(folder, trainee.tensors);
  const [steps, listsAStep] = [100, 4];
  return {
    model: { model: folder },
    rank: 4,
    steps,
    listsAStep,
    rates: { full: 1e-3, lora: 1e-2, rw: 3e-2, lowRank: 1e-2 },
    test: wordLists('shifted', 200, 99),
    train: (seed) => wordLists('shifted', steps * listsAStep, seed + 100),
    async close() {
      for (const path of [start, scratch]) await rm(path, { recursive: true });
    },
  };
}

/**
 * The shipped model at half of its depth, and lists of shell commands for what they are asked to do; undefined where that
 * collection does not lie beside the project. Rates are those that each method usually gets; none was tuned here.
 */
export function shiftedCommands(): ShiftedDomain | undefined {
  const lists = commandLists();
  if (!lists) return undefined;
  const [steps, listsAStep] = [24, 2];
  return {
    model: { depth: 6, caps: { maxDocumentTokens: 24, maxDocumentBlocks: 1, maxQueryTokens: 24 } },
    rank: 8,
    steps,
    listsAStep,
    rates: { full: 5e-5, lora: 2e-3, rw: 2e-2, lowRank: 2e-3 },
    test: lists.test(48, 10),
    train: (seed) => lists.train(seed, steps * listsAStep, 6),
    close: async () => undefined,
  };
}
