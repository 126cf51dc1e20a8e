/** A recipe: everything that decides a training, as a file says it. */
import * as z from 'zod';
import { parseMeasure } from '../../evaluation/measures.ts';
import { type Device, devices } from '../../session/device.ts';
import { createLosses } from '../losses/create-losses.ts';
import { type LossesRecipe, lossesSchema } from '../losses/losses-recipe.ts';
import { type Schedule, scheduleSchema } from '../optimisers/schedule.ts';
import { type OptimiserSettings, optimiserSchema } from '../optimisers/settings.ts';
import type { TrainingSettings } from '../trainer/settings.ts';
import { type RecipeTeacher, recipeTeacherSchema } from './recipe-teacher.ts';
import { type TraineeSettings, traineeSchema } from './trainee-kinds.ts';

/** A collection of a recipe. */
export interface RecipeData {
  /** Its folder, relative to the recipe's. */
  readonly folder: string;
  /** First stage: `embedded`, `judged`, or another `candidates-NAME.tsv`. @defaultValue 'embedded' */
  readonly candidates: string;
  /** Judged queries that are drawn, at most. @defaultValue all */
  readonly queries?: number | undefined;
  /** Whether documents that hold an answer of `queries.jsonl` and that nobody judged stay out. @defaultValue false */
  readonly answers: boolean;
  /**
   * Whether documents whose token averages are nearly the same count as one, so that none competes with its double; the time
   * grows with the square of the corpus. @defaultValue false: those with the same words
   */
  readonly foldDuplicates: boolean;
  /** Whether documents compete that the model itself puts first, besides the first stage's. @defaultValue false */
  readonly mine: boolean;
}

/** Lists of a recipe. */
export interface RecipeLists {
  /** Lists of a step. @defaultValue 8 */
  readonly perStep: number;
  /** Whether a step's lists are of any collection, or all of one. @defaultValue 'mixed' */
  readonly mixing: 'mixed' | 'one-set';
  /** Documents of a list, at most. @defaultValue 16 */
  readonly documents: number;
  /** Relevant documents of a list, at most. @defaultValue half of `documents` */
  readonly relevant?: number | undefined;
  /** Candidates that documents are drawn from. @defaultValue 100 */
  readonly rankWindowSize: number;
  /** Candidates at the front that are not drawn from. @defaultValue 0 */
  readonly skip: number;
  /** Documents of a list that are drawn from the whole corpus. @defaultValue 0 */
  readonly random: number;
  /** Share of documents without their title, in [0, 1]. @defaultValue 0 */
  readonly untitled: number;
  /** Share of documents of which only a run of words is read, in [0, 1]. @defaultValue 0 */
  readonly spans: number;
}

/** The development set of a recipe. */
export interface RecipeDevelopment {
  /** Share of each collection's queries that is measured on and not learnt from, in (0, 1). @defaultValue 0.1 */
  readonly share: number;
  /** Queries of each collection that are measured, at most. @defaultValue 100 */
  readonly queries: number;
  /** Candidates of a list. @defaultValue 100 */
  readonly rankWindowSize: number;
  /** Steps between two measurements. @defaultValue 100 */
  readonly every: number;
  /** What is measured. @defaultValue 'nDCG@10' */
  readonly measure: string;
  /** Measurements without a gain after which training ends. @defaultValue it does not */
  readonly patience?: number | undefined;
}

/** Where a training runs: nothing that decides its numbers but their last bits. */
export interface RecipeMachine {
  /** What computes. @defaultValue 'cpu' */
  readonly device: Device;
  /** Lists run at once. @defaultValue as many as there are processors, at most those of a step */
  readonly workers?: number | undefined;
  /** Threads of one run. @defaultValue the processors that workers leave each */
  readonly threads?: number | undefined;
  /** Bytes that a step may take. @defaultValue four fifths of what is free */
  readonly memoryLimitBytes?: number | undefined;
}

/** A recipe, complete. */
export interface Recipe {
  /** Folder of the model to start from, relative to the recipe's, or `default`. @defaultValue 'default' */
  readonly model: string;
  /** What of it is trained. */
  readonly train: TraineeSettings;
  /** What is learnt from. */
  readonly data: readonly RecipeData[];
  /** A table of queries to leave out, relative to the recipe's folder (see `readLeaks`). @defaultValue none */
  readonly leaks?: string | undefined;
  /** How lists are made. */
  readonly lists: RecipeLists;
  /** Who says how good documents are, besides the judgements. @defaultValue nobody */
  readonly teacher?: readonly RecipeTeacher[] | undefined;
  /** What is made smaller. */
  readonly losses: LossesRecipe;
  /** How. @defaultValue AdamW */
  readonly optimiser: OptimiserSettings;
  /** Learning rate by step. */
  readonly schedule: Schedule;
  /** How many steps. */
  readonly steps: number;
  /** Decides every draw and the order of lists. @defaultValue 1 */
  readonly seed: number;
  /** Longer gradients are shortened to this. @defaultValue they are not */
  readonly maxGradientNorm?: number | undefined;
  /** Steps between two checkpoints. @defaultValue 50 */
  readonly checkpointEvery: number;
  /** What is measured. @defaultValue nothing: the last step counts */
  readonly development?: RecipeDevelopment | undefined;
  /** Weights between the model before, 0, and after training, 1, that are tried. @defaultValue none */
  readonly interpolation?: readonly number[] | undefined;
  /** Where it runs. */
  readonly machine: RecipeMachine;
}

const count = z.int().min(1);
const share = z.number().min(0).max(1);
const name = z.string().min(1);

const shape = {
  model: name.default('default'),
  train: traineeSchema,
  data: z
    .array(
      z.strictObject({
        folder: name,
        candidates: name.default('embedded'),
        queries: count.optional(),
        answers: z.boolean().default(false),
        foldDuplicates: z.boolean().default(false),
        mine: z.boolean().default(false),
      }),
    )
    .min(1),
  leaks: name.optional(),
  lists: z
    .strictObject({
      perStep: count.default(8),
      mixing: z.enum(['mixed', 'one-set']).default('mixed'),
      documents: z.int().min(2).default(16),
      relevant: count.optional(),
      rankWindowSize: count.default(100),
      skip: z.int().min(0).default(0),
      random: z.int().min(0).default(0),
      untitled: share.default(0),
      spans: share.default(0),
    })
    .prefault({}),
  teacher: z.array(recipeTeacherSchema).min(1).optional(),
  losses: lossesSchema,
  optimiser: optimiserSchema.prefault({ kind: 'adamw' } as never),
  schedule: scheduleSchema,
  steps: count,
  seed: z.int().min(0).default(1),
  maxGradientNorm: z.number().positive().optional(),
  checkpointEvery: count.default(50),
  development: z
    .strictObject({
      share: z.number().gt(0).lt(1).default(0.1),
      queries: count.default(100),
      rankWindowSize: z.int().min(2).default(100),
      every: count.default(100),
      measure: z
        .string()
        .default('nDCG@10')
        .refine(isMeasure, { message: 'expected nDCG@k, RR@k, AP, P@k or R@k' }),
      patience: count.optional(),
    })
    .optional(),
  interpolation: z.array(share).min(1).optional(),
  machine: z
    .strictObject({
      device: z.enum(devices as [Device, ...Device[]]).default('cpu'),
      workers: count.optional(),
      threads: count.optional(),
      memoryLimitBytes: count.optional(),
    })
    .prefault({}),
};

/** Checks a recipe and fills in defaults. */
export const recipeSchema: z.ZodType<Recipe> = z.strictObject(shape).superRefine((recipe, { addIssue }) => {
  for (const [path, message] of contradictions(recipe)) addIssue({ code: 'custom', path, message });
}) as z.ZodType<Recipe>;

function contradictions({
  lists,
  losses,
  teacher,
  development,
  interpolation,
}: Pick<Recipe, 'lists' | 'losses' | 'teacher' | 'development' | 'interpolation'>): [string[], string][] {
  const { documents, relevant = 1, random } = lists;
  const found: [string[], string][] = [];
  if (relevant >= documents) {
    found.push([
      ['lists', 'relevant'],
      `expected fewer than the ${documents} documents of a list, got ${relevant}`,
    ]);
  }
  if (random >= documents) {
    found.push([
      ['lists', 'random'],
      `expected fewer than the ${documents} documents of a list, got ${random}`,
    ]);
  }
  if (!teacher && createLosses(losses).needsTeacher) {
    found.push([['teacher'], 'required: a loss reads its scores']);
  }
  if (interpolation && !development) {
    found.push([['development'], 'required: interpolation chooses its weight on it']);
  }
  return found;
}

function isMeasure(text: string): boolean {
  try {
    parseMeasure(text);
    return true;
  } catch {
    return false;
  }
}

/** The part of a recipe that the trainer reads. */
export function toTrainingSettings(recipe: Recipe): TrainingSettings {
  const { steps, seed, lists, maxGradientNorm, optimiser, schedule, checkpointEvery, interpolation } = recipe;
  return {
    steps,
    seed,
    listsPerStep: lists.perStep,
    mixing: lists.mixing,
    maxGradientNorm,
    optimiser,
    schedule,
    checkpointEvery,
    development: recipe.development,
    interpolation,
  };
}
