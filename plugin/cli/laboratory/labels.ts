/** What `blockrank labels` does: reports on labels, measures orders by each, merges and writes them. */
import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigurationError } from '../../../engine/index.ts';
import {
  type Collection,
  type LabelReport,
  type LabelTable,
  labelReport,
  type MeasuredLabels,
  measureLabels,
  mergeTable,
  readCollection,
  type SystemName,
  toLabelTable,
  toQrels,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import { knownMeasure } from './known-measure.ts';
import { writeLabels } from './label-output.ts';
import { type FittedLabels, fileRuns, fitByAggregation, knownSystems, rerankerRuns } from './label-runs.ts';
import { assertOfCollection, labelJudgements, labelWeights } from './label-sources.ts';
import { toFittedText, toReportText, toRunText } from './label-text.ts';
import type { LabelsOptions } from './labels-options.ts';

/** Reports, measures and writes. @throws ConfigurationError for options or judgements that cannot be. */
export async function labels(context: CliContext, options: LabelsOptions): Promise<void> {
  const { aggregation, output, json } = options;
  const measure = knownMeasure(options.measure, 'Cannot use the labels');
  const names = knownNames(options);
  await assertWritable(output);
  const { table, collection } = await readTable(options);
  const merge = {
    weights: labelWeights(options.weights, table.labels),
    usesGrades: options.grades === true,
  };
  const report = labelReport(table, merge);
  if (!json) context.print(toReportText(report));

  const runs = await fileRuns(options.run ?? [], table);
  if (collection && names.length > 0) {
    for (const [name, run] of await rerankerRuns(context, collection, { names, options }))
      runs.set(name, run);
  }
  const measured = new Map(
    [...runs].map(([name, run]) => [
      name,
      measureLabels(run, table, { measure, usesGrades: merge.usesGrades }),
    ]),
  );
  const fitted =
    runs.size > 1 ? fitByAggregation(runs, table, { folds: options.folds, ...merge }) : undefined;
  if (json) context.printJson({ ...report, runs: Object.fromEntries(measured), ...(fitted && { fitted }) });
  else printRuns(context, { measured, fitted, report, measure: measure.name });
  if (output !== undefined) await writeLabels(context, table, report, { output, aggregation, ...merge });
}

/** The labels, and the collection with every labelled pair as its judgements, so that the candidates `judged` are those. */
async function readTable(
  options: LabelsOptions,
): Promise<{ readonly table: LabelTable; readonly collection?: Collection }> {
  const { data, missing, relevantFrom } = options;
  const judgements = await labelJudgements(options);
  const collection = data === undefined ? undefined : await readCollection(data);
  if (collection) assertOfCollection(judgements, collection);
  const table = toLabelTable(judgements, { relevantFrom, missing });
  if (!collection) return { table };
  const qrels = toQrels(table, mergeTable(table, { merging: 'sum' }));
  return { table, collection: { ...collection, qrels, idealQrels: qrels } };
}

function printRuns(
  context: CliContext,
  {
    measured,
    fitted,
    report,
    measure,
  }: {
    readonly measured: ReadonlyMap<string, MeasuredLabels>;
    readonly fitted: FittedLabels | undefined;
    readonly report: LabelReport;
    readonly measure: string;
  },
): void {
  if (measured.size > 0) context.print(`\n${toRunText(measured, report, measure)}`);
  if (fitted) context.print(`\n${toFittedText(fitted, report)}`);
}

function knownNames({ rerankers, data }: LabelsOptions): readonly SystemName[] {
  if (rerankers === undefined) return [];
  if (data === undefined) throw problem('rerankers', 'read the texts of a collection; give --data');
  return knownSystems(rerankers);
}

/** A path that could not be written after all the work. */
async function assertWritable(output: string | undefined): Promise<void> {
  if (output === undefined) return;
  await access(dirname(output), constants.W_OK).catch((cause: unknown) => {
    throw new ConfigurationError(
      'Cannot use the labels',
      [{ path: 'output', message: `cannot write in the folder "${dirname(output)}"` }],
      { cause },
    );
  });
}

const problem = (path: string, message: string): ConfigurationError =>
  new ConfigurationError('Cannot use the labels', [{ path, message }]);
