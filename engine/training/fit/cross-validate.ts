/** What a fit gains on queries that it did not learn from. */
import { type Measure, mean } from '../../evaluation/measures.ts';
import { seededRandom, shuffled } from '../../evaluation/random.ts';
import { confidenceInterval, type Interval, pairedTTest } from '../../evaluation/significance.ts';
import { readoutStates } from '../trainees/readout/readout-trainee.ts';
import type { FitList } from './fit-list.ts';
import { type FitOptions, fitReadout, traineeOptions } from './fit-readout.ts';
import type { FitChoice } from './fitted.ts';

/** Options of {@link crossValidateFit}. */
export interface FitCrossValidationOptions extends FitOptions {
  /** Parts of the queries, which are held out in turn; at least 2. */
  readonly folds: number;
  /** What is measured. */
  readonly measure: Measure;
  /** Called after each fold. */
  readonly onFold?: (fold: FoldReport) => void;
}

/** One fold. */
export interface FoldReport {
  /** From 1. */
  readonly fold: number;
  /** Held-out queries. */
  readonly queries: number;
  /** Mean of the model before, on the held-out queries. */
  readonly start: number;
  /** Mean of the model fitted to the other queries. */
  readonly fitted: number;
  /** What was chosen without the held-out queries. */
  readonly choice: FitChoice;
  /** Epochs until the best development loss. */
  readonly bestEpoch: number;
}

/** The result. */
export interface FitCrossValidation {
  /** Queries, each held out once. */
  readonly queries: number;
  /** Mean of the model before. */
  readonly start: number;
  /** Mean of the fitted models, each on the queries that it did not see. */
  readonly fitted: number;
  /** The difference with its 95 % interval. */
  readonly gain: Interval;
  /** p-value of the paired t-test over queries. */
  readonly p: number;
  /** Each fold. */
  readonly folds: readonly FoldReport[];
}

/** Fits as often as there are folds. Queries fall into folds at random. @throws RangeError for fewer than 2 folds, or fewer queries. */
export async function crossValidateFit(options: FitCrossValidationOptions): Promise<FitCrossValidation> {
  const { folds, measure, seed } = options;
  if (!Number.isInteger(folds) || folds < 2 || options.lists.length < folds) {
    throw new RangeError(
      `crossValidateFit: expected 2 folds or more and as many queries, got ${folds} and ${options.lists.length}.`,
    );
  }
  const states = options.states ?? readoutStates(traineeOptions(options));
  const lists = shuffled(options.lists, seededRandom(seed + 77));
  const [before, after]: [number[], number[]] = [[], []];
  const reports: FoldReport[] = [];
  for (let fold = 0; fold < folds; fold += 1) {
    const heldOut = lists.filter((_, i) => i % folds === fold);
    const others = lists.filter((_, i) => i % folds !== fold);
    const fitted = await fitReadout({ ...options, states, lists: others });
    try {
      const start: number[] = [];
      const chosen: number[] = [];
      for (const each of heldOut) {
        start.push(await fitted.measure(each, measure, 'start'));
        chosen.push(await fitted.measure(each, measure));
      }
      before.push(...start);
      after.push(...chosen);
      reports.push(reportOf(fold + 1, heldOut, { start, chosen, fitted }));
      options.onFold?.(reports.at(-1)!);
    } finally {
      await fitted.close();
    }
  }
  const gains = after.map((value, i) => value - before[i]!);
  return {
    queries: gains.length,
    start: mean(before),
    fitted: mean(after),
    gain: confidenceInterval(gains),
    p: pairedTTest(gains),
    folds: reports,
  };
}

function reportOf(
  fold: number,
  heldOut: readonly FitList[],
  values: {
    readonly start: readonly number[];
    readonly chosen: readonly number[];
    readonly fitted: { readonly choice: FitChoice; readonly bestEpoch: number };
  },
): FoldReport {
  const { choice, bestEpoch } = values.fitted;
  return {
    fold,
    queries: heldOut.length,
    start: mean(values.start),
    fitted: mean(values.chosen),
    choice,
    bestEpoch,
  };
}
