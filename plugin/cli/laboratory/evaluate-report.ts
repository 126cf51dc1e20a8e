/** Tells what `blockrank evaluate` measured: tables, JSON, a chart, and runs. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BudgetUse,
  type CollectionResult,
  printRun,
  type StateSize,
  toBudgetTable,
  toChart,
  toJsonResult,
  toJsonStateForms,
  toLengthLine,
  toStateTable,
  toSummary,
  toTable,
  toVarietyTable,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import type { EvaluateOptions } from './evaluate-asked.ts';

/**
 * A collection's results, with `--states` the sizes of its states, with `--budget` what the lists took, and with
 * `--diversify` how far apart the first documents were.
 */
export type Evaluated = CollectionResult & {
  /** Bytes by form. */
  readonly sizes?: ReadonlyMap<string, StateSize>;
  /** Times by budget. */
  readonly uses?: ReadonlyMap<string, BudgetUse>;
  /** Distances by system. */
  readonly distances?: ReadonlyMap<string, number>;
};

/** A collection's tables. @param measure - Name of the measure that the others stand beside. */
export function toText(result: Evaluated, measure: string): string {
  const states = result.sizes ? `\n${toStateTable(result, result.sizes)}\n` : '';
  const budgets = result.uses ? `\n${toBudgetTable(result.uses)}\n` : '';
  const { distances } = result;
  const variety = distances ? `\n${toVarietyTable(result, distances, measure)}\n` : '';
  return `${toTable(result)}\n${toLengthLine(result)}\n${states}${budgets}${variety}`;
}

/** Prints and writes what all collections gave. */
export async function report(
  context: CliContext,
  results: readonly Evaluated[],
  options: Pick<EvaluateOptions, 'candidates' | 'json' | 'chart' | 'runDir'>,
  measure: string,
): Promise<void> {
  if (results.length > 1 && options.json !== true) context.print(toSummary(results, measure));
  const json = results.map((result) => ({
    ...toJsonResult(result, options.candidates),
    ...(result.sizes && { states: toJsonStateForms(result, result.sizes) }),
    ...(result.uses && { budgets: Object.fromEntries(result.uses) }),
    ...(result.distances && { intraListDistances: Object.fromEntries(result.distances) }),
  }));
  const whole = json.length === 1 ? json[0] : json;
  if (options.json === true) context.printJson(whole);
  else if (options.json) await writeFile(options.json, `${JSON.stringify(whole)}\n`);
  if (options.chart) await writeFile(options.chart, await toChart(results, measure));
  if (options.runDir) await writeRuns(options.runDir, results);
}

async function writeRuns(folder: string, results: readonly CollectionResult[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { dataset, runs } of results) {
    for (const [name, run] of runs)
      await writeFile(join(folder, `${dataset}.${name}.trec`), printRun(run, name));
  }
}
