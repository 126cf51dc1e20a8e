/** What a training needs. */
import type { Losses } from '../losses/create-losses.ts';
import type { RunPlaces } from './list-runs.ts';
import type { RunIdentity } from './run-folder.ts';
import type { TrainingSettings } from './settings.ts';
import type { Trainee } from './trainee.ts';
import type { TrainingList } from './training-list.ts';
import type { TrainingProgress } from './training-result.ts';

/** Options of `train`. */
export interface TrainOptions {
  /** What is trained. Its tensors hold the starting model, and afterwards what training ended with. Stays open. */
  readonly trainee: Trainee;
  /** What is made smaller. */
  readonly losses: Losses;
  /** What is learnt from, at least one list; the same in the same order whenever a training is resumed. */
  readonly lists: readonly TrainingList[];
  /** What is measured on; no query of `lists` is among them. @defaultValue none */
  readonly development?: readonly TrainingList[];
  /** How. */
  readonly settings: TrainingSettings;
  /** Folder of the training: new or empty, unless it is resumed. */
  readonly folder: string;
  /** Whether the training in the folder goes on. @defaultValue false */
  readonly resume?: boolean;
  /** What the caller knows of recipe and files. Lists and the starting tensors are added to the digests. */
  readonly identity?: RunIdentity;
  /** Versions of the caller's programs, by name. */
  readonly versions?: Readonly<Record<string, string>>;
  /** What else the folder is to tell of the training, as plain data. @defaultValue nothing */
  readonly notes?: unknown;
  /** The recipe's file, kept in the folder as it is. @defaultValue none */
  readonly recipeText?: string;
  /** Where lists are run. A resumed training keeps its number of threads. */
  readonly places?: RunPlaces;
  /** Ends the training after the step under way, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** Called after each step and each measured list. */
  readonly onProgress?: (progress: TrainingProgress) => void;
}
