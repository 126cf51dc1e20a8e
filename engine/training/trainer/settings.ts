/** What decides how a training goes, besides what it learns from. */

import type { Schedule } from '../optimisers/schedule.ts';
import type { OptimiserSettings } from '../optimisers/settings.ts';

/** When a model in training is measured. */
export interface DevelopmentSettings {
  /** Steps between two measurements. */
  readonly every: number;
  /** Name of the measure. */
  readonly measure: string;
  /** Measurements in a row that are no better than the best, after which training ends. @defaultValue it does not */
  readonly patience?: number | undefined;
}

/** Settings of a training. */
export interface TrainingSettings {
  /** How many steps. */
  readonly steps: number;
  /** Lists of one step, whose gradients' mean is followed; the last step of a round through them may have fewer. */
  readonly listsPerStep: number;
  /** See `BatchOptions`. @defaultValue 'mixed' */
  readonly mixing?: 'mixed' | 'one-set' | undefined;
  /** Decides the order of lists. */
  readonly seed: number;
  /** Gradients longer than this, all together, are shortened to it. @defaultValue they are not */
  readonly maxGradientNorm?: number | undefined;
  /** The optimiser. */
  readonly optimiser: OptimiserSettings;
  /** Learning rate by step. */
  readonly schedule: Schedule;
  /** Steps between two checkpoints. */
  readonly checkpointEvery: number;
  /** Needs development lists. @defaultValue nothing is measured: the last step counts */
  readonly development?: DevelopmentSettings | undefined;
  /**
   * Weights between the starting model, 0, and the best, 1, that are measured at the end; both ends are always among them.
   * Needs `development`. @defaultValue none: the best counts
   */
  readonly interpolation?: readonly number[] | undefined;
}
