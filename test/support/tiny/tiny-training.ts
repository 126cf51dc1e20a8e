/** A training of the tiny trainee that takes a second. */
import { createLosses } from '../../../engine/training/losses/create-losses.ts';
import { lossesSchema } from '../../../engine/training/losses/losses-recipe.ts';
import { optimiserSchema } from '../../../engine/training/optimisers/settings.ts';
import type { TrainOptions } from '../../../engine/training/trainer/train-options.ts';
import { type TinyTrainee, tinyLists, tinyTrainee } from './tiny-trainee.ts';

/** Options for `train`, with a development set; a test replaces what it is about. */
export function tinyTraining(folder: string, of: TinyTrainee = {}): TrainOptions {
  return {
    trainee: tinyTrainee(of),
    losses: createLosses(lossesSchema.parse({ listNet: {}, anchor: { weight: 0.01 } })),
    lists: tinyLists(13, 1),
    development: tinyLists(12, 2),
    settings: {
      steps: 24,
      listsPerStep: 4,
      seed: 3,
      maxGradientNorm: 1,
      optimiser: optimiserSchema.parse({ kind: 'one-sided-shampoo', rootInterval: 5, weightDecay: 0.01 }),
      schedule: { rate: 0.03, warmUpSteps: 3, decay: 'cosine', finalShare: 0 },
      checkpointEvery: 3,
      development: { every: 6, measure: 'nDCG@10' },
      interpolation: [0.5],
    },
    folder,
    places: { workers: 2, threads: 1 },
  };
}
