/** What `blockrank labels --output` writes. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Aggregation,
  type LabelReport,
  type LabelTable,
  mergeTable,
  printQrels,
  printQrelsTable,
  toQrels,
  toWholeValues,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';

/** How labels are written. */
export interface LabelOutput {
  readonly output: string;
  readonly aggregation: Aggregation;
  readonly weights: readonly number[];
  readonly usesGrades: boolean;
}

/** Writes one file of merged judgements; with `loss` a folder with a file a label, and `labels.json` with their weights. */
export async function writeLabels(
  context: CliContext,
  table: LabelTable,
  report: LabelReport,
  options: LabelOutput,
): Promise<void> {
  const { output, aggregation, weights, usesGrades } = options;
  if (aggregation === 'loss') return writeApart(context, table, report, options);
  const values = mergeTable(table, { merging: aggregation, weights, usesGrades });
  await writeFile(output, toFile(context, table, { values, path: output }));
  context.note(`Wrote ${output}: ${table.pairs.length} pairs, merged by ${aggregation}.`);
}

/** Judgements as whole numbers, in the form that the file's name says. */
function toFile(
  context: CliContext,
  table: LabelTable,
  { values, path }: { readonly values: readonly number[]; readonly path: string },
): string {
  const { values: whole, scale, isExact } = toWholeValues(values);
  if (scale > 1) {
    const rounding = isExact ? '' : ', rounded';
    context.note(
      `${path}: labels are multiplied by ${scale}${rounding}, so that they are whole; neither an order nor nDCG depends on it.`,
    );
  }
  const qrels = toQrels(table, whole);
  return path.endsWith('.tsv') ? printQrelsTable(qrels) : printQrels(qrels);
}

async function writeApart(
  context: CliContext,
  table: LabelTable,
  { labels, dictator }: LabelReport,
  { output, usesGrades }: LabelOutput,
): Promise<void> {
  await mkdir(output, { recursive: true });
  const files = labels.map(({ name }, k) => `${k + 1}-${name.replace(/[^\w.-]+/g, '_')}.tsv`);
  for (const [k, file] of files.entries()) {
    const values = table.pairs.map(({ grades, relevance }) => (usesGrades ? grades : relevance)[k]!);
    const path = join(output, file);
    await writeFile(path, toFile(context, table, { values, path }));
  }
  const each = labels.map(({ name, weight, marginal, lossWeight }, k) => ({
    name,
    file: files[k],
    weight,
    marginal,
    lossWeight,
  }));
  const manifest = { aggregation: 'loss', ...(dictator !== undefined && { dictator }), labels: each };
  await writeFile(join(output, 'labels.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  context.note(
    `Wrote ${join(output, 'labels.json')} and a file a label. Loss aggregation is a way of training, not a merged file: a trainer takes one ranking loss a label and adds them with "weight"; "lossWeight" is what each label then weighs in the best order.`,
  );
}
