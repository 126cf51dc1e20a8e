/** The end of a training: which tensors count, and what is written of it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Measured, readTensors, writeTensors } from './checkpoint.ts';
import { readCurve } from './curve.ts';
import { developmentChart, lossChart } from './curve-charts.ts';
import { runFiles } from './run-folder.ts';
import { copyTensors, interpolate, setTensors } from './tensors.ts';
import type { TrainedTensors } from './trainee.ts';
import type { TrainingResult, WeightValue } from './training-result.ts';
import { type Standing, writeWhole } from './whole-file.ts';

/** Tensors of the best development value: the starting ones, those in the folder, or without any measurement the last. */
export async function bestTensors(
  folder: string,
  { start, last, measured }: { start: TrainedTensors; last: TrainedTensors; measured: Measured | undefined },
): Promise<TrainedTensors> {
  if (!measured) return copyTensors(last);
  return measured.bestStep === 0 ? start : readTensors(join(folder, runFiles.best));
}

/**
 * The weight between start and end with the largest development value; of equal ones the smallest, which changes least.
 *
 * @param ends - Tensors; `set` gets those of the weight that is measured, and at the end of the one that is chosen.
 * @param known - Values that need no measuring, by weight.
 */
export async function chooseWeight(
  weights: readonly number[],
  {
    start,
    end,
    set,
    known,
    measure,
  }: {
    readonly start: TrainedTensors;
    readonly end: TrainedTensors;
    readonly set: TrainedTensors;
    readonly known: ReadonlyMap<number, number>;
    readonly measure: () => Promise<number>;
  },
): Promise<WeightValue & { readonly tried: readonly WeightValue[] }> {
  const tried: WeightValue[] = [];
  for (const weight of [...new Set([0, ...weights, 1])].sort((a, b) => a - b)) {
    setTensors(set, interpolate(start, end, weight));
    tried.push({ weight, value: known.get(weight) ?? (await measure()) });
  }
  const chosen = tried.reduce((best, each) => (each.value > best.value ? each : best));
  setTensors(set, interpolate(start, end, chosen.weight));
  return { ...chosen, tried };
}

/** Writes the final tensors, the result and the curves. @throws TrainingError of fault `disk`. */
export async function writeEnding(
  folder: string,
  { tensors, result }: { readonly tensors: TrainedTensors; readonly result: TrainingResult },
  standing: Standing,
): Promise<void> {
  await writeTensors(join(folder, runFiles.final), tensors, standing);
  await writeWhole(join(folder, runFiles.result), `${JSON.stringify(result, undefined, 2)}\n`, standing);
}

/** Draws the curve so far. @throws TrainingError of fault `disk`. */
export async function writeCharts(
  folder: string,
  measure: string | undefined,
  standing: Standing,
): Promise<void> {
  const path = join(folder, runFiles.curve);
  if (!existsSync(path)) return;
  const curve = await readCurve(path);
  await writeWhole(join(folder, runFiles.lossChart), await lossChart(curve), standing);
  if (measure === undefined) return;
  await writeWhole(join(folder, runFiles.developmentChart), await developmentChart(curve, measure), standing);
}
