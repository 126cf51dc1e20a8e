/** Trains: steps over lists, measured on a development set, kept in a folder that a killed training goes on from. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createOptimiser } from '../optimisers/create-optimiser.ts';
import type { Optimiser } from '../optimisers/optimiser.ts';
import { assertSameTensors, type Checkpoint, readCheckpoint, readTensors } from './checkpoint.ts';
import { cutCurve } from './curve.ts';
import { digestOfLists } from './list-digest.ts';
import { ListRuns } from './list-runs.ts';
import {
  assertSameRun,
  createRunFolder,
  newFacts,
  type RunFacts,
  type RunIdentity,
  readFacts,
  runFiles,
} from './run-folder.ts';
import { copyTensors, digestOf, setTensors } from './tensors.ts';
import type { TrainOptions } from './train-options.ts';
import type { Trainee } from './trainee.ts';
import { Training } from './training.ts';
import type { TrainingResult } from './training-result.ts';

/**
 * Trains from the start, or goes on from the last checkpoint. The same options give the same tensors bit by bit on one
 * machine, however often the process was killed in between.
 *
 * An error leaves the last checkpoint in the folder, and writes one before where the step before is sound.
 *
 * @throws ConfigurationError when settings ask for a development set that is not there, the folder is not empty, or the
 * training in it was another. @throws MemoryLimitError before a list that would not fit is run.
 * @throws TrainingError when a number is not finite, the disk is full, or the device has no memory left.
 * @throws InferenceError when the runtime fails otherwise.
 */
export async function train(options: TrainOptions): Promise<TrainingResult> {
  const { trainee, losses, settings, folder, resume = false } = options;
  const start = copyTensors(trainee.tensors);
  const facts = await openFolder(options, digestOf(start));
  const optimiser = createOptimiser(settings.optimiser, trainee.tensors, trainee.rateFactors);
  const checkpoint = resume ? await restore(folder, { trainee, optimiser }) : undefined;
  const { threads } = facts.machine;
  const places = { ...options.places, threads, residentBytes: residentBytes(trainee, optimiser) };
  const runs = await ListRuns.open({ trainee, losses }, places);
  try {
    return await new Training({ ...options, start, optimiser, runs, checkpoint }).run();
  } finally {
    await runs.close();
  }
}

/** Name of the starting tensors among the digests. */
const startName = 'starting tensors';

/** The facts of a new folder, or of the one that is resumed, which must be the same training. */
async function openFolder(options: TrainOptions, startDigest: string): Promise<RunFacts> {
  const { folder, lists, development = [], identity, places, resume } = options;
  const known: RunIdentity = {
    recipe: identity?.recipe ?? options.settings,
    digests: {
      ...identity?.digests,
      [startName]: startDigest,
      'training lists': digestOfLists(lists),
      'development lists': digestOfLists(development),
    },
  };
  if (!resume) {
    const { provider = 'cpu', workers = 1, threads = 1 } = places ?? {};
    const facts = newFacts(known, { provider, workers, threads }, options);
    await createRunFolder(folder, facts, options.recipeText);
    return facts;
  }
  const facts = await readFacts(folder);
  assertSameRun(folder, facts, known);
  return facts;
}

/** Puts the last checkpoint's numbers in place; undefined when the training was killed before its first. */
async function restore(
  folder: string,
  { trainee, optimiser }: { readonly trainee: Trainee; readonly optimiser: Optimiser },
): Promise<Checkpoint | undefined> {
  const path = join(folder, runFiles.checkpoint);
  const curve = join(folder, runFiles.curve);
  const checkpoint = existsSync(path) ? await readCheckpoint(path) : undefined;
  if (checkpoint) {
    assertSameTensors(path, checkpoint.tensors, trainee.tensors);
    setTensors(trainee.tensors, checkpoint.tensors);
    optimiser.restore(checkpoint.optimiser);
  }
  const last = { step: checkpoint?.step ?? 0, development: checkpoint?.measured?.step ?? -1 };
  if (existsSync(curve)) await cutCurve(curve, last, { step: last.step, checkpointStep: checkpoint?.step });
  return checkpoint;
}

/** Tensors, their gradients, the starting ones, and the optimiser's state. */
function residentBytes({ tensors }: Trainee, { state }: Optimiser): number {
  const bytesIn = (all: Trainee['tensors']): number =>
    [...all.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  return 3 * bytesIn(tensors) + bytesIn(state);
}

/**
 * Asserts that a trainee is what a folder's training started from.
 *
 * @throws ConfigurationError when it is another model, or it was changed since.
 */
export function assertStart(folder: string, { digests }: RunFacts, { tensors }: Trainee): void {
  const before = { recipe: undefined, digests: { [startName]: digests[startName] ?? '' } };
  assertSameRun(folder, before, { recipe: undefined, digests: { [startName]: digestOf(tensors) } });
}

/** Trained tensors of a folder's training: those it ended with, or the best so far, or the last. */
export async function readTrained(folder: string): Promise<Trainee['tensors'] | undefined> {
  const whole = [runFiles.final, runFiles.best]
    .map((name) => join(folder, name))
    .find((path) => existsSync(path));
  if (whole) return readTensors(whole);
  const last = join(folder, runFiles.checkpoint);
  return existsSync(last) ? (await readCheckpoint(last)).tensors : undefined;
}
