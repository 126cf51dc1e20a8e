/** One step: gradients of its lists, clipped, and followed. */
import { performance } from 'node:perf_hooks';
import { TrainingError } from '../../errors.ts';
import { type Batches, createBatches } from '../data/batches.ts';
import { clipGradients } from '../optimisers/clipping.ts';
import type { Optimiser } from '../optimisers/optimiser.ts';
import { learningRate } from '../optimisers/schedule.ts';
import type { StepPoint } from './curve.ts';
import { meanOf } from './gradient-sum.ts';
import type { LearntList, ListRuns } from './list-runs.ts';
import { firstNotFinite } from './tensors.ts';
import type { TrainOptions } from './train-options.ts';
import type { TrainedTensors } from './trainee.ts';
import type { TrainingList } from './training-list.ts';

/** What a step works with. */
export interface StepParts extends Pick<TrainOptions, 'trainee' | 'losses' | 'lists' | 'settings'> {
  /** Open graphs. */
  readonly runs: ListRuns;
  /** Changes the trainee's tensors. */
  readonly optimiser: Optimiser;
  /** The starting model. */
  readonly start: TrainedTensors;
}

/** Longest gradient that is followed: optimisers keep squares in float32. */
const maxNorm = 1e18;

/** Makes steps. */
export class StepLearner {
  readonly #parts: StepParts;
  readonly #batches: Batches;
  /** Logits of the starting model, for losses that hold on to it. */
  readonly #startLogits = new Map<TrainingList, Float32Array>();

  constructor(parts: StepParts) {
    const { lists, settings } = parts;
    this.#parts = parts;
    const { listsPerStep: size, mixing = 'mixed', seed } = settings;
    this.#batches = createBatches(lists, { size, mixing, seed });
  }

  /**
   * Asks about the list with the most text: one that does not fit is known before hours have passed.
   *
   * @throws MemoryLimitError
   */
  async assertFits(): Promise<void> {
    const { lists, runs } = this.#parts;
    const sizeOf = ({ documents }: TrainingList): number =>
      documents.reduce((sum, { text }) => sum + text.length + 1, 0);
    const largest = lists.reduce((most, list) => (sizeOf(list) > sizeOf(most) ? list : most));
    // Any logits take the same memory.
    await runs.assertFits({ startLogits: new Float32Array(largest.documents.length), ...largest });
  }

  /**
   * Makes one step; the trainee's tensors are changed only when every number is finite.
   *
   * @param step - 1-based. @param checkpointStep - Of the last checkpoint, for errors.
   * @throws TrainingError of fault `not-finite`.
   */
  async step(step: number, checkpointStep: number | undefined): Promise<StepPoint> {
    const began = performance.now();
    const { settings, optimiser, trainee, runs } = this.#parts;
    const { loss, parts, tokens, gradients } = await this.#mean(step);
    const { maxGradientNorm = maxNorm, schedule, steps } = settings;
    const clipped = clipGradients(gradients, maxGradientNorm);
    const what = notFinite(loss, gradients, clipped.norm);
    if (what) throw stopped(step, checkpointStep, what);
    const rate = learningRate(schedule, step - 1, steps);
    optimiser.step(clipped.gradients, rate);
    runs.takeBack(gradients);
    const wrong = firstNotFinite(trainee.tensors) ?? firstNotFinite(optimiser.state);
    if (wrong !== undefined)
      throw stopped(step, checkpointStep, `"${wrong}" is no finite number after the step`);
    const ms = performance.now() - began;
    return { kind: 'step', step, loss, parts, tokens, rate, gradientNorm: clipped.norm, ms };
  }

  async #mean(step: number): Promise<LearntList> {
    const { runs } = this.#parts;
    return meanOf(runs, this.#batches.at(step - 1), (list) => this.#whole(list));
  }

  /** A list with what its losses read of the starting model. */
  async #whole(list: TrainingList): Promise<TrainingList> {
    const { losses, runs, start } = this.#parts;
    if (!losses.needsStart || list.startLogits) return list;
    const startLogits = this.#startLogits.get(list) ?? (await runs.logits(list, start));
    this.#startLogits.set(list, startLogits);
    return { ...list, startLogits };
  }
}

function notFinite(loss: number, gradients: LearntList['gradients'], norm: number): string | undefined {
  if (!Number.isFinite(loss)) return `the loss is ${loss}`;
  if (norm <= maxNorm) return undefined;
  const byName = new Map([...gradients].map(([name, data]) => [name, { data }] as const));
  const wrong = firstNotFinite(byName);
  if (wrong !== undefined) return `the gradient of "${wrong}" is no finite number`;
  return `the gradients are ${norm.toExponential(1)} long`;
}

function stopped(step: number, checkpointStep: number | undefined, what: string): TrainingError {
  const kept =
    checkpointStep === undefined
      ? 'There is no checkpoint yet'
      : `The checkpoint of step ${checkpointStep} stays`;
  return new TrainingError(
    `Training stopped at step ${step}: ${what}. ${kept}. Lower schedule.rate, clip with maxGradientNorm, or look for lists that a loss cannot bear.`,
    { fault: 'not-finite', step, checkpointStep },
  );
}
