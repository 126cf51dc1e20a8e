/** One training under way: the loop over steps, and what is kept of them. */
import { join } from 'node:path';
import { TrainingError } from '../../errors.ts';
import { parseMeasure } from '../../evaluation/measures.ts';
import { type Checkpoint, type Measured, writeCheckpoint, writeTensors } from './checkpoint.ts';
import { appendPoint } from './curve.ts';
import { type DevelopmentValue, measureLists } from './development.ts';
import { isOutOfMemory, outOfMemory } from './device-memory.ts';
import { bestTensors, chooseWeight, writeCharts, writeEnding } from './ending.ts';
import { runFiles } from './run-folder.ts';
import { StepLearner, type StepParts } from './step-learner.ts';
import { setTensors } from './tensors.ts';
import type { TrainOptions } from './train-options.ts';
import type { TrainingList } from './training-list.ts';
import type { TrainingProgress, TrainingResult } from './training-result.ts';
import type { Standing } from './whole-file.ts';

/** What {@link Training} works with. */
export interface TrainingParts extends TrainOptions, Omit<StepParts, keyof TrainOptions> {
  /** What is gone on from; its numbers are in the trainee and the optimiser already. */
  readonly checkpoint: Checkpoint | undefined;
}

/** See the file's header. */
export class Training {
  readonly #parts: TrainingParts;
  readonly #learner: StepLearner;
  #step: number;
  #measured: Measured | undefined;
  #checkpointStep: number | undefined;
  #loss: number | undefined;
  /** Tokens learnt from in this process, and the milliseconds that they took. */
  readonly #speed = { tokens: 0, ms: 0 };

  constructor(parts: TrainingParts) {
    const { checkpoint } = parts;
    this.#parts = parts;
    this.#learner = new StepLearner(parts);
    this.#step = checkpoint?.step ?? 0;
    this.#measured = checkpoint?.measured;
    this.#checkpointStep = checkpoint?.step;
  }

  /** Trains to the end. */
  async run(): Promise<TrainingResult> {
    const { folder, settings, signal } = this.#parts;
    try {
      await this.#learner.assertFits();
      return await this.#end(await this.#loop());
    } catch (error) {
      if (!signal?.aborted || error !== signal.reason) throw await this.#kept(error);
    }
    if (this.#step !== this.#checkpointStep) await this.#checkpoint();
    await writeCharts(folder, settings.development?.measure, this.#standing);
    return this.#result('interrupted');
  }

  /** Makes steps to the end, or throws the signal's reason between two of them. */
  async #loop(): Promise<'steps' | 'patience'> {
    const { signal, settings } = this.#parts;
    const patience = settings.development?.patience ?? Number.POSITIVE_INFINITY;
    for (;;) {
      signal?.throwIfAborted();
      if (this.#isMeasurementDue) await this.#measure();
      if (this.#measured && this.#measured.worse >= patience) return 'patience';
      if (this.#step >= settings.steps) return 'steps';
      await this.#doStep();
    }
  }

  async #doStep(): Promise<void> {
    const { folder, settings } = this.#parts;
    const point = await this.#learner.step(this.#step + 1, this.#checkpointStep);
    this.#step += 1;
    this.#loss = point.loss;
    this.#speed.tokens += point.tokens;
    this.#speed.ms += point.ms;
    await appendPoint(join(folder, runFiles.curve), point, this.#standing);
    if (this.#step % settings.checkpointEvery === 0) await this.#checkpoint();
    this.#tell('training');
  }

  /** Whether the development set is asked now: at the start, every so many steps, and at the end. */
  get #isMeasurementDue(): boolean {
    const { development, steps } = this.#parts.settings;
    if (!development || this.#measured?.step === this.#step) return false;
    return this.#step % development.every === 0 || this.#step >= steps;
  }

  /** Measures, and keeps the model where it is the best so far. */
  async #measure(): Promise<void> {
    const { folder, trainee } = this.#parts;
    const value = await this.#developmentValue('measuring');
    const step = this.#step;
    const before = this.#measured;
    const isBest = !before || value.value > before.best;
    if (isBest && step > 0) await writeTensors(join(folder, runFiles.best), trainee.tensors, this.#standing);
    this.#measured = {
      step,
      start: before?.start ?? value.value,
      best: isBest ? value.value : before.best,
      bestStep: isBest ? step : before.bestStep,
      worse: isBest ? 0 : before.worse + 1,
    };
    await appendPoint(join(folder, runFiles.curve), { kind: 'development', step, ...value }, this.#standing);
    await this.#checkpoint();
  }

  /** The development value of the trainee's tensors. */
  #developmentValue(phase: TrainingProgress['phase']): Promise<DevelopmentValue> {
    const { trainee, runs, development = [], settings, signal } = this.#parts;
    return measureLists({
      lists: development,
      measure: parseMeasure(settings.development!.measure),
      fusionWeight: trainee.fusionWeight?.(trainee.tensors) ?? 0,
      logits: async (list) => {
        signal?.throwIfAborted();
        this.#tell(phase);
        const logits = await runs.logits(list);
        if (!logits.every(Number.isFinite)) throw this.#noFinite(list);
        return logits;
      },
      atOnce: runs.size,
    });
  }

  #noFinite({ set, queryId }: TrainingList): TrainingError {
    const { step, checkpointStep } = this.#standing;
    return new TrainingError(
      `Training stopped: after step ${step} the model gives a document of query "${queryId}" of "${set}" no finite logit. Lower schedule.rate, or clip with maxGradientNorm.`,
      { fault: 'not-finite', step, checkpointStep },
    );
  }

  async #end(ended: 'steps' | 'patience'): Promise<TrainingResult> {
    const { folder, trainee, start, settings } = this.#parts;
    const measured = this.#measured;
    const end = await bestTensors(folder, { start, last: trainee.tensors, measured });
    await this.#checkpoint();
    setTensors(trainee.tensors, end);
    let interpolation: TrainingResult['interpolation'];
    if (settings.interpolation && measured && measured.bestStep > 0) {
      const measure = async (): Promise<number> => (await this.#developmentValue('interpolating')).value;
      const known = new Map([
        [0, measured.start],
        [1, measured.best],
      ]);
      const ends = { start, end, set: trainee.tensors, known, measure };
      interpolation = await chooseWeight(settings.interpolation, ends);
    }
    const result = { ...this.#result(ended), ...(interpolation && { interpolation }) };
    await writeEnding(folder, { tensors: trainee.tensors, result }, this.#standing);
    await writeCharts(folder, settings.development?.measure, this.#standing);
    return result;
  }

  #result(ended: TrainingResult['ended']): TrainingResult {
    const { settings, runs } = this.#parts;
    const measured = this.#measured;
    return {
      ended,
      step: this.#step,
      steps: settings.steps,
      ...(settings.development && { measure: settings.development.measure }),
      ...(measured && { start: measured.start, best: { step: measured.bestStep, value: measured.best } }),
      neededBytes: runs.mostBytes,
    };
  }

  async #checkpoint(): Promise<void> {
    const { folder, trainee, optimiser } = this.#parts;
    const state = {
      step: this.#step,
      tensors: trainee.tensors,
      optimiser: optimiser.state,
      measured: this.#measured,
    };
    await writeCheckpoint(join(folder, runFiles.checkpoint), state, this.#standing);
    this.#checkpointStep = this.#step;
  }

  /**
   * The error that a failed step becomes, after a checkpoint of the step before: its tensors are sound unless a number was
   * not finite, and a full disk takes no checkpoint.
   */
  async #kept(error: unknown): Promise<unknown> {
    if (error instanceof TrainingError) return error;
    if (this.#step > (this.#checkpointStep ?? 0)) await this.#checkpoint();
    return isOutOfMemory(error) ? outOfMemory(error, this.#step + 1, this.#checkpointStep) : error;
  }

  get #standing(): Standing {
    return { step: this.#step, checkpointStep: this.#checkpointStep };
  }

  #tell(phase: TrainingProgress['phase']): void {
    const { settings, onProgress, runs } = this.#parts;
    const { tokens, ms } = this.#speed;
    onProgress?.({
      phase,
      step: this.#step,
      steps: settings.steps,
      ...(this.#loss !== undefined && { loss: this.#loss }),
      ...(this.#measured && { best: this.#measured.best }),
      tokensPerSecond: ms === 0 ? 0 : (1000 * tokens) / ms,
      neededBytes: runs.mostBytes,
    });
  }
}
