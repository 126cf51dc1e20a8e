/** Fits the readout of a model to judged lists. */
import { ConfigurationError, QueryError } from '../../errors.ts';
import { seededRandom, shuffled } from '../../evaluation/random.ts';
import type { EncoderReranker } from '../../rerank/encoder/encoder-reranker.ts';
import { createLosses } from '../losses/create-losses.ts';
import { clipGradients } from '../optimisers/clipping.ts';
import { createOptimiser } from '../optimisers/create-optimiser.ts';
import { learningRate } from '../optimisers/schedule.ts';
import type { ListStates } from '../trainees/readout/list-states.ts';
import {
  type ReadoutTrainee,
  type ReadoutTraineeOptions,
  readoutTrainee,
} from '../trainees/readout/readout-trainee.ts';
import { meanOf } from '../trainer/gradient-sum.ts';
import { inOrder } from '../trainer/in-order.ts';
import { ListRuns } from '../trainer/list-runs.ts';
import { copyTensors } from '../trainer/tensors.ts';
import type { TrainedTensors } from '../trainer/trainee.ts';
import { type FitList, isInstructive } from './fit-list.ts';
import { judgedQueries } from './fit-precedents.ts';
import type { FitSettings } from './fit-settings.ts';
import { choose, type EpochReport, Fitted, type FittedReadout } from './fitted.ts';

/** What a fit reads. */
export interface FitOptions {
  /** The model to start from, of tier `tokens`. */
  readonly reranker: EncoderReranker;
  /** Judged lists; a share of them is kept for development. */
  readonly lists: readonly FitList[];
  /** How it learns. */
  readonly settings: FitSettings;
  /** Decides splits, order and first numbers. */
  readonly seed: number;
  /** Lists that are run at once, each on one thread; the numbers are the same for any. */
  readonly workers: number;
  /** Most bytes of states that are kept in memory. @defaultValue see `readoutTrainee` */
  readonly stateBytes?: number;
  /** States that several fits share. @defaultValue the fit's own */
  readonly states?: ListStates;
  /** Called after each list whose states are there. */
  readonly onEncoded?: () => void;
  /** Called after each epoch. */
  readonly onEpoch?: (epoch: EpochReport) => void;
  /** Ends the fit, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const maxNorm = 1;

/**
 * Learns, stops early by the development loss, and chooses interpolation and fusion by the development lists' nDCG@10; then
 * makes the judged queries precedents, where that helps them among each other.
 *
 * @throws ConfigurationError when the model has trained heads or precedents already.
 */
export async function fitReadout(options: FitOptions): Promise<FittedReadout> {
  const { reranker, settings, workers, lists } = options;
  assertFirst(reranker);
  const trainee = readoutTrainee(traineeOptions(options));
  const losses = createLosses(settings.losses);
  const runs = await ListRuns.open({ trainee, losses, served: trainee.ownLogits }, { workers });
  try {
    const { development, training } = split(options, await readable(options, trainee));
    const start = copyTensors(trainee.tensors);
    const { epochs, best } = await learn(options, { trainee, runs, training, development });
    const queries = settings.precedents ? await judgedQueries(reranker, lists) : [];
    const fitted = new Fitted({ reranker, trainee, runs, start, end: best.tensors, queries });
    const learnt = await choose(fitted, development, reranker.info.fusionWeight ?? 0);
    const choice = settings.precedents ? await fitted.withPrecedents(learnt, lists) : learnt;
    return fitted.chosen(choice, { bestEpoch: best.epoch, epochs });
  } catch (error) {
    await runs.close();
    throw error;
  }
}

function assertFirst({ precedents, modelFolder }: EncoderReranker): void {
  if (!precedents) return;
  const message = `"${modelFolder}" has precedents already; start from the model that was fitted`;
  throw new ConfigurationError('Cannot fit the readout', [{ path: 'model', message }]);
}

/** The trainee that a fit trains; the states of several fits may be shared. */
export function traineeOptions({
  reranker,
  settings,
  seed,
  stateBytes,
  states,
}: FitOptions): ReadoutTraineeOptions {
  return {
    reranker,
    sizes: settings.sizes,
    scalars: settings.scalars,
    isFused: true,
    tokens: 'float16',
    seed,
    ...(stateBytes !== undefined && { stateBytes }),
    ...(states && { states }),
  };
}

/** Lists to learn from whose query the model can read. */
async function readable(
  { lists, onEncoded, signal }: FitOptions,
  trainee: ReadoutTrainee,
): Promise<FitList[]> {
  const found: FitList[] = [];
  for (const each of lists) {
    signal?.throwIfAborted();
    if (isInstructive(each) && (await isReadable(trainee, each))) found.push(each);
    onEncoded?.();
  }
  return found;
}

async function isReadable(trainee: ReadoutTrainee, { list }: FitList): Promise<boolean> {
  try {
    await trainee.feeds(list);
    return true;
  } catch (error) {
    if (error instanceof QueryError) return false;
    throw error;
  }
}

function split(
  { settings, seed }: FitOptions,
  lists: readonly FitList[],
): { development: FitList[]; training: FitList[] } {
  const useful = shuffled(lists, seededRandom(seed));
  const count = Math.max(1, Math.round(useful.length * settings.developmentShare));
  return { development: useful.slice(0, count), training: useful.slice(count) };
}

interface Learning {
  readonly trainee: ReadoutTrainee;
  readonly runs: ListRuns;
  readonly training: readonly FitList[];
  readonly development: readonly FitList[];
}

interface Best {
  readonly epoch: number;
  readonly loss: number;
  readonly tensors: TrainedTensors;
}

async function learn(
  { settings, seed, onEpoch, signal }: FitOptions,
  { trainee, runs, training, development }: Learning,
): Promise<{ epochs: EpochReport[]; best: Best }> {
  const factors = [...trainee.tensors].map(([name, { shape }]) => [
    name,
    shape.length === 0 ? settings.scalarRate : 1,
  ]);
  const optimiser = createOptimiser(
    { kind: 'adamw', beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: settings.weightDecay },
    trainee.tensors,
    Object.fromEntries(factors) as Record<string, number>,
  );
  const stepsPerEpoch = Math.ceil(training.length / settings.listsPerStep);
  const schedule = {
    rate: settings.rate,
    warmUpSteps: stepsPerEpoch,
    decay: 'cosine',
    finalShare: 0.1,
  } as const;
  const loss = async (): Promise<number> => {
    let sum = 0;
    const work = ({ list }: FitList): Promise<number> => runs.loss(list);
    await inOrder(development, { atOnce: runs.size, work }, (each) => {
      sum += each;
    });
    return sum / development.length;
  };
  let best: Best = { epoch: 0, loss: await loss(), tensors: copyTensors(trainee.tensors) };
  const epochs: EpochReport[] = [];
  for (let epoch = 1; epoch <= settings.epochs && epoch - best.epoch <= settings.patience; epoch += 1) {
    const order = shuffled(training, seededRandom(seed * 1000 + epoch));
    let sum = 0;
    for (let step = 0; step < stepsPerEpoch; step += 1) {
      signal?.throwIfAborted();
      const part = order.slice(step * settings.listsPerStep, (step + 1) * settings.listsPerStep);
      const learnt = await meanOf(
        runs,
        part.map(({ list }) => list),
      );
      sum += learnt.loss * part.length;
      const rate = learningRate(
        schedule,
        (epoch - 1) * stepsPerEpoch + step,
        settings.epochs * stepsPerEpoch,
      );
      optimiser.step(clipGradients(learnt.gradients, maxNorm).gradients, rate);
      runs.takeBack(learnt.gradients);
    }
    const developmentLoss = await loss();
    epochs.push({ epoch, loss: sum / order.length, developmentLoss });
    onEpoch?.(epochs.at(-1)!);
    if (developmentLoss < best.loss)
      best = { epoch, loss: developmentLoss, tensors: copyTensors(trainee.tensors) };
  }
  return { epochs, best };
}
