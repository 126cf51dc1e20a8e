/** Fits the readout of a model to judged lists. */
import { QueryError } from '../../errors.ts';
import { type Measure, mean, parseMeasure } from '../../evaluation/measures.ts';
import { seededRandom, shuffled } from '../../evaluation/random.ts';
import type { EncoderReranker } from '../../rerank/encoder/encoder-reranker.ts';
import { fusion } from '../../scores/fusion.ts';
import { rankLogits } from '../../scores/ranking.ts';
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
import type { TrainedTensors } from '../trainer/trainee.ts';
import { type FitList, isInstructive } from './fit-list.ts';
import type { FitSettings } from './fit-settings.ts';
import { Learner } from './learner.ts';

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
  /** Threads of one run. */
  readonly threads: number;
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

/** One epoch's losses. */
export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  /** Mean training loss over the epoch. */
  readonly loss: number;
  /** Loss on the development lists afterwards. */
  readonly developmentLoss: number;
}

/** A fitted readout, open to score lists until it is closed. */
export interface FittedReadout {
  /** What was chosen: weights between start and end, and the first stage's share. */
  readonly choice: FitChoice;
  /** Epochs until the best development loss; 0 where none was smaller than the start's. */
  readonly bestEpoch: number;
  /** Every epoch. */
  readonly epochs: readonly EpochReport[];
  /** Value of a measure on a list with the chosen model; `'start'`, with the model as it was. */
  measure(list: FitList, measure: Measure, model?: 'chosen' | 'start' | FitChoice): Promise<number>;
  /** Writes a model folder that serves the choice. */
  save(folder: string, choice?: FitChoice): Promise<void>;
  /** Frees what it holds. */
  close(): Promise<void>;
}

/** How far the model goes from its start, and what the first stage's share is. */
export interface FitChoice {
  /** 0 is the start, 1 the end of training. */
  readonly interpolation: number;
  /** The first stage's share in the fused order. */
  readonly fusionWeight: number;
}

/** Weights between start and end that are tried. */
export const interpolations: readonly number[] = [0, 0.25, 0.5, 0.75, 1];
const fusionWeights = [0, 0.1, 0.2, 0.3, 0.4, 0.5];
const maxNorm = 1;
const nDCG = parseMeasure('nDCG@10');

/** Learns, stops early by the development loss, and chooses interpolation and fusion by the development lists' nDCG@10. */
export async function fitReadout(options: FitOptions): Promise<FittedReadout> {
  const { reranker, settings, threads } = options;
  const trainee = readoutTrainee(traineeOptions(options));
  const learner = await Learner.open(trainee, createLosses(settings.losses), threads);
  try {
    const { development, training } = split(options, await readable(options, trainee));
    const start = copied(trainee.tensors);
    const { epochs, best } = await learn(options, { trainee, learner, training, development });
    const fitted = new Fitted({ trainee, learner, start, end: best.tensors });
    const choice = await choose(fitted, development, reranker.info.fusionWeight ?? 0);
    return fitted.chosen(choice, { bestEpoch: best.epoch, epochs });
  } catch (error) {
    await learner.close();
    throw error;
  }
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
  readonly learner: Learner;
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
  { trainee, learner, training, development }: Learning,
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
  const lists = development.map(({ list }) => list);
  let best: Best = { epoch: 0, loss: await learner.loss(lists), tensors: copied(trainee.tensors) };
  const epochs: EpochReport[] = [];
  for (let epoch = 1; epoch <= settings.epochs && epoch - best.epoch <= settings.patience; epoch += 1) {
    const order = shuffled(training, seededRandom(seed * 1000 + epoch));
    let sum = 0;
    for (let step = 0; step < stepsPerEpoch; step += 1) {
      signal?.throwIfAborted();
      const part = order.slice(step * settings.listsPerStep, (step + 1) * settings.listsPerStep);
      const { loss, gradients } = await learner.gradients(part.map(({ list }) => list));
      sum += loss * part.length;
      const rate = learningRate(
        schedule,
        (epoch - 1) * stepsPerEpoch + step,
        settings.epochs * stepsPerEpoch,
      );
      optimiser.step(clipGradients(gradients, maxNorm).gradients, rate);
    }
    const developmentLoss = await learner.loss(lists);
    epochs.push({ epoch, loss: sum / order.length, developmentLoss });
    onEpoch?.(epochs.at(-1)!);
    if (developmentLoss < best.loss)
      best = { epoch, loss: developmentLoss, tensors: copied(trainee.tensors) };
  }
  return { epochs, best };
}

/** The choice with the largest mean; of equal ones the one nearest to the start, which comes first. */
async function choose(fitted: Fitted, lists: readonly FitList[], fusionWeight: number): Promise<FitChoice> {
  const shares = [...new Set([fusionWeight, ...fusionWeights])];
  let best = { choice: { interpolation: 0, fusionWeight }, value: Number.NEGATIVE_INFINITY };
  for (const interpolation of interpolations) {
    const logits = await Promise.all(lists.map((each) => fitted.logits(each, interpolation)));
    for (const share of shares) {
      const value = mean(lists.map((each, i) => measured(each, logits[i]!, { share, measure: nDCG })));
      if (value > best.value + 1e-9) best = { choice: { interpolation, fusionWeight: share }, value };
    }
  }
  return best.choice;
}

function measured(
  { shortlist, gains, ideal }: FitList,
  logits: ArrayLike<number>,
  { share, measure }: { readonly share: number; readonly measure: Measure },
): number {
  if (shortlist.candidates.length === 0) return 0;
  const { candidates } = fusion({ weight: share })(rankLogits(logits), shortlist);
  const ordered = candidates.map(({ index }) => gains[index]!);
  return measure.value(ordered, ideal);
}

interface FittedParts {
  readonly trainee: ReadoutTrainee;
  readonly learner: Learner;
  readonly start: TrainedTensors;
  readonly end: TrainedTensors;
}

class Fitted {
  readonly #parts: FittedParts;

  constructor(parts: FittedParts) {
    this.#parts = parts;
  }

  /** Logits with weights between start and end. */
  async logits({ list }: FitList, interpolation: number): Promise<Float32Array> {
    if (list.documents.length === 0) return new Float32Array();
    // As in the stage, a query that the model cannot read keeps its order.
    return this.#parts.learner.logits(list, this.#between(interpolation)).catch((error: unknown) => {
      if (error instanceof QueryError) return new Float32Array(list.documents.length);
      throw error;
    });
  }

  chosen(choice: FitChoice, learnt: Pick<FittedReadout, 'bestEpoch' | 'epochs'>): FittedReadout {
    const { trainee, learner } = this.#parts;
    const start: FitChoice = { interpolation: 0, fusionWeight: trainee.fusionWeight(new Map()) };
    return {
      ...learnt,
      choice,
      measure: async (list, measure, model = 'chosen') => {
        const asked = model === 'chosen' ? choice : model === 'start' ? start : model;
        const logits = await this.logits(list, asked.interpolation);
        return measured(list, logits, { share: asked.fusionWeight, measure });
      },
      save: (folder, asked = choice) =>
        trainee.save(folder, this.#between(asked.interpolation), asked.fusionWeight),
      close: async () => {
        await learner.close();
        await trainee.close();
      },
    };
  }

  #between(weight: number): TrainedTensors {
    const { start, end } = this.#parts;
    return new Map(
      [...start].map(([name, { shape, data }]) => {
        const other = end.get(name)!.data;
        return [name, { shape, data: data.map((value, i) => (1 - weight) * value + weight * other[i]!) }];
      }),
    );
  }
}

function copied(tensors: TrainedTensors): TrainedTensors {
  return new Map([...tensors].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
}
