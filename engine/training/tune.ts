/** Chooses the readout's parameters on judged lists, and measures the choice on lists that it did not see. */
import { setImmediate } from 'node:timers/promises';
import { applySteps } from '../compose/stepped.ts';
import { type Measure, mean, parseMeasure } from '../evaluation/measures.ts';
import { pairedTTest } from '../evaluation/significance.ts';
import { readOut } from '../readout/readout.ts';
import { fusion } from '../scores/fusion.ts';
import { rankLogits } from '../scores/ranking.ts';
import { fitCalibration } from './calibration.ts';
import type { JudgedList } from './judged-lists.ts';
import { changedParameters, type Setting } from './settings.ts';

/** Options of {@link tune}. */
export interface TuneOptions {
  /** Judged lists of one or several collections; every collection counts the same. */
  readonly lists: readonly JudgedList[];
  /** The settings to try; the first is the start, which is kept unless the judgements speak against it. */
  readonly settings: readonly Setting[];
  /** Number of parts of the lists, which are held out in turn; at least 2. @defaultValue 5 */
  readonly folds?: number;
  /** The measure to maximise. @defaultValue nDCG@10 */
  readonly measure?: Measure;
  /** Called with the number of settings that are done. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends the search, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A setting and its means on the lists that it was chosen on. */
export interface MeasuredSetting {
  /** Its parameters. */
  readonly setting: Setting;
  /** Mean over collections. */
  readonly mean: number;
  /** Mean over the lists of each collection. */
  readonly bySet: Readonly<Record<string, number>>;
}

/** The result of tuning. */
export interface TuneResult {
  /** The setting before tuning. */
  readonly start: MeasuredSetting;
  /** The setting with the largest mean. */
  readonly best: MeasuredSetting;
  /** The setting that the rule of {@link tune} chose, with the calibration fitted. */
  readonly chosen: MeasuredSetting;
  /** The cross-validation of the rule. */
  readonly crossValidated: CrossValidation;
}

/** The rule's gain on lists that it did not choose on. */
export interface CrossValidation {
  /** Mean of the start on the held-out lists. */
  readonly start: number;
  /** Mean of the settings that the rule chose on the other folds. */
  readonly chosen: number;
  /** p-value of the paired t-test between them. */
  readonly p: number;
  /** Whether the gain is larger than its standard error; otherwise the start is kept. */
  readonly isGain: boolean;
}

/**
 * Tries every setting on every list and chooses by a one-standard-error rule: of the settings that are worse than
 * the best by no more than one standard error of the paired difference, the one that changes the fewest
 * parameters of the start; among these the best. Where the same rule gains nothing on held-out lists, the start is
 * kept. The calibration is fitted either way.
 *
 * Source of the rule: Breiman et al. 1984, here with paired differences.
 *
 * @throws RangeError for no lists, no settings, or fewer lists than folds.
 */
export async function tune(options: TuneOptions): Promise<TuneResult> {
  const { lists, settings, folds = 5, measure = parseMeasure('nDCG@10') } = options;
  if (settings.length === 0) throw new RangeError('tune: expected at least the start among the settings.');
  if (!Number.isInteger(folds) || folds < 2 || lists.length < folds) {
    throw new RangeError(
      `tune: expected 2 folds or more and as many lists, got ${folds} and ${lists.length}.`,
    );
  }
  const values: Float64Array[] = [];
  for (const setting of settings) {
    options.signal?.throwIfAborted();
    values.push(await measureLists(lists, setting, measure));
    options.onProgress?.(values.length, settings.length);
    await setImmediate();
  }
  const all = [...lists.keys()];
  const table: Table = { lists, settings, values };
  const crossValidated = crossValidate(table, folds);
  const chosen = crossValidated.isGain ? choose(table, all) : 0;
  const measured = (index: number): MeasuredSetting => ({
    setting: settings[index]!,
    mean: macroMean(table, values[index]!, all),
    bySet: Object.fromEntries(
      [...bySet(table, all)].map(([set, rows]) => [set, mean(rows.map((row) => values[index]![row]!))]),
    ),
  });
  const found = measured(chosen);
  return {
    start: measured(0),
    best: measured(bestOf(table, all)),
    chosen: { ...found, setting: { ...found.setting, calibration: calibrationOf(lists) } },
    crossValidated,
  };
}

async function measureLists(
  lists: readonly JudgedList[],
  setting: Setting,
  measure: Measure,
): Promise<Float64Array> {
  const values = new Float64Array(lists.length);
  for (const [i, list] of lists.entries()) values[i] = await measureList(list, setting, measure);
  return values;
}

/** The measure of one setting on one list. */
export async function measureList(list: JudgedList, setting: Setting, measure: Measure): Promise<number> {
  const { logits } = readOut(list.query, list.states, setting, {
    logSums: list.logSums.get(setting.tokenTau),
    heads: list.heads,
  });
  const steps = [fusion({ weight: setting.fusionWeight })];
  const { candidates } = await applySteps(rankLogits(logits), list.shortlist, { steps });
  return measure.value(
    candidates.map(({ index }) => list.gains[index]!),
    list.ideal,
  );
}

/** Values of settings (rows) on lists (columns). */
interface Table {
  readonly lists: readonly JudgedList[];
  readonly settings: readonly Setting[];
  readonly values: readonly Float64Array[];
}

function choose(table: Table, rows: readonly number[]): number {
  const best = bestOf(table, rows);
  const candidates = table.settings.flatMap((setting, index) => {
    const lead = table.values[best]!.map((value, row) => value - table.values[index]![row]!);
    const mean = macroMean(table, lead, rows);
    if (mean > macroError(table, lead, rows)) return [];
    return [{ index, changes: changedParameters(table.settings[0]!, setting).length, lead: mean }];
  });
  candidates.sort((a, b) => a.changes - b.changes || a.lead - b.lead || a.index - b.index);
  return candidates[0]!.index;
}

function bestOf(table: Table, rows: readonly number[]): number {
  const means = table.values.map((values) => macroMean(table, values, rows));
  return means.indexOf(Math.max(...means));
}

/** Each fold in turn is held out and the rule chooses on the others. */
function crossValidate(table: Table, folds: number): CrossValidation {
  const all = [...table.lists.keys()];
  const heldOut = new Float64Array(all.length);
  // Consecutive lists of a collection fall into different folds, so each fold has its share of every collection.
  for (let fold = 0; fold < folds; fold += 1) {
    const chosen = choose(
      table,
      all.filter((row) => row % folds !== fold),
    );
    for (let row = fold; row < all.length; row += folds) heldOut[row] = table.values[chosen]![row]!;
  }
  const start = table.values[0]!;
  const gains = heldOut.map((value, row) => value - start[row]!);
  return {
    start: macroMean(table, start, all),
    chosen: macroMean(table, heldOut, all),
    p: pairedTTest([...gains]),
    isGain: macroMean(table, gains, all) > macroError(table, gains, all),
  };
}

/** Mean over collections of the mean over each one's lists. */
function macroMean(table: Table, values: Float64Array, rows: readonly number[]): number {
  return mean([...bySet(table, rows).values()].map((own) => mean(own.map((row) => values[row]!))));
}

/** Standard error of {@link macroMean}: collections are fixed, their lists are the sample. */
function macroError(table: Table, values: Float64Array, rows: readonly number[]): number {
  const sets = [...bySet(table, rows).values()];
  const variances = sets.map((own) => {
    const centre = mean(own.map((row) => values[row]!));
    const squares = own.reduce((sum, row) => sum + (values[row]! - centre) ** 2, 0);
    return squares / Math.max(1, own.length - 1) / own.length;
  });
  return Math.sqrt(variances.reduce((sum, variance) => sum + variance, 0)) / sets.length;
}

function bySet({ lists }: Table, rows: readonly number[]): Map<string, number[]> {
  const sets = new Map<string, number[]>();
  for (const row of rows) {
    const { set } = lists[row]!;
    const own = sets.get(set);
    if (own) own.push(row);
    else sets.set(set, [row]);
  }
  return sets;
}

function calibrationOf(lists: readonly JudgedList[]): Setting['calibration'] {
  return fitCalibration(
    lists.flatMap(({ cosines, gains }) =>
      cosines.map((cosine, i) => ({ cosine, isRelevant: gains[i]! > 0 })),
    ),
  );
}
