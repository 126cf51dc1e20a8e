/** One stage of training: draws pairs, takes the loss's gradients to the tables, and steps. */
import { setImmediate } from 'node:timers/promises';
import { ConfigurationError, TrainingError } from '../../errors.ts';
import { createOptimiser } from '../../training/optimisers/create-optimiser.ts';
import { learningRate } from '../../training/optimisers/schedule.ts';
import type { OptimiserSettings } from '../../training/optimisers/settings.ts';
import type { EncoderPair } from './encoder-pair.ts';
import { type MatchList, type MatchPairs, pairsFrom } from './matches.ts';
import type { HierarchyStage } from './settings.ts';
import { openStageLoss, type StageLoss } from './stage-loss.ts';

/** What a stage trains on, and how it is watched. */
export interface StageContext {
  /** What each query matches. */
  readonly matches: readonly MatchList[];
  /** Places of the queries that are trained. @defaultValue all */
  readonly queries?: readonly number[] | undefined;
  /** The optimiser, which begins anew. */
  readonly optimiser: OptimiserSettings;
  /** Numbers in [0, 1) for the draws. */
  readonly random: () => number;
  /** Called after each step with its 1-based number and its loss; the next step waits for what it returns. */
  readonly onStep?: ((step: number, loss: number) => void | Promise<void>) | undefined;
  /** Ends the stage with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds of work after which other work gets its turn on the thread. */
const turnMs = 50;

/**
 * Trains the tables in place.
 *
 * @throws ConfigurationError when no pair is as far as the stage asks. @throws TrainingError when a loss or gradient is no
 * finite number; the tables then hold the step before. @throws InferenceError where the loss of a large batch cannot be run.
 */
export async function trainStage(
  pair: EncoderPair,
  stage: HierarchyStage,
  context: StageContext,
): Promise<void> {
  const draw = pairDraw(stage, context);
  const losses = await openStageLoss(pair, stage, context.matches);
  try {
    await takeSteps(pair, stage, { ...context, draw, losses });
  } finally {
    await losses.close();
  }
}

/** What the steps of a stage share. */
interface StepContext extends StageContext {
  readonly draw: () => MatchPairs;
  readonly losses: StageLoss;
}

async function takeSteps(
  { queries, documents }: EncoderPair,
  stage: HierarchyStage,
  { draw, losses, optimiser: settings, onStep, signal }: StepContext,
): Promise<void> {
  const tables = new Map([
    ['queries', queries.table],
    ['documents', documents.table],
  ]);
  const optimiser = createOptimiser(settings, tables);
  let turnBegan = performance.now();
  for (let step = 1; step <= stage.steps; step += 1) {
    signal?.throwIfAborted();
    const { loss, gradients } = await losses.of(draw());
    if (!Number.isFinite(loss)) throw notFinite(step, `its loss is ${loss}`);
    takeStep(step, () => optimiser.step(gradients, rateOf(stage, step)));
    await onStep?.(step, loss);
    if (performance.now() - turnBegan < turnMs) continue;
    await setImmediate();
    turnBegan = performance.now();
  }
}

function rateOf({ rate, decay = 'linear', steps }: HierarchyStage, step: number): number {
  return learningRate({ rate, warmUpSteps: 0, decay, finalShare: 0 }, step - 1, steps);
}

/** A gradient that the optimiser refuses stops the training, as a loss does that is no number. */
function takeStep(step: number, act: () => void): void {
  try {
    act();
  } catch (cause) {
    throw notFinite(step, 'a gradient is not finite', cause);
  }
}

function notFinite(step: number, what: string, cause?: unknown): TrainingError {
  return new TrainingError(
    `Cannot do step ${step} of training the hierarchy: ${what}. Lower the learning rate, or raise the temperature.`,
    { fault: 'not-finite', step },
    { cause },
  );
}

/** Draws batches of the stage's pairs. @throws ConfigurationError when there are none. */
function pairDraw(
  { batch, leastDistance = 0, resampling }: HierarchyStage,
  { matches, queries, random }: StageContext,
): () => MatchPairs {
  const all = somePairs(matches, leastDistance, queries);
  const far = resampling && somePairs(matches, Math.max(leastDistance, resampling.distance), queries);
  return () => {
    const drawn = { queries: new Int32Array(batch), documents: new Int32Array(batch) };
    for (let k = 0; k < batch; k += 1) {
      const from = far && random() < resampling!.share ? far : all;
      const i = Math.floor(random() * from.queries.length);
      drawn.queries[k] = from.queries[i]!;
      drawn.documents[k] = from.documents[i]!;
    }
    return drawn;
  };
}

function somePairs(
  matches: readonly MatchList[],
  distance: number,
  queries: readonly number[] | undefined,
): MatchPairs {
  const pairs = pairsFrom(matches, distance, queries);
  if (pairs.queries.length > 0) return pairs;
  const farthest = matches.reduce((most, { distances }) => Math.max(most, ...distances), 0);
  const message = `no pair is ${distance} steps apart or more, the farthest ${farthest}: give a smaller distance`;
  throw new ConfigurationError('Cannot train the hierarchy', [{ path: 'distance', message }]);
}
