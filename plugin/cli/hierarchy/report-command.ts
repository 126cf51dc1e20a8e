/** `blockrank hierarchy report`: recall by distance of any retriever. */
import { Command } from 'commander';
import { hierarchyReportOptions as of } from '../../options/hierarchy-options.ts';
import type { CliContext } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { jsonFlag } from '../shared-flags.ts';
import { taxonomyFlags } from './hierarchy-flags.ts';
import type { ReportFlags } from './report.ts';

const help = `
Examples:
  $ blockrank hierarchy report --taxonomy categories.tsv --hierarchy ./categories
  $ blockrank hierarchy report --data hier-product-taxonomy --candidates embedded --encoder default --no-own --svg recall.svg
  $ blockrank hierarchy report --distances distances.tsv --run bm25.trec --cutoff 100

A category is found when it is among a query's first n, n being how many categories the query is to find. Queries of a run
are categories by id, or "q" and that id. Columns are steps from the query up; "least" is the smallest of them.`;

/** Makes the command `hierarchy report`. */
export function reportCommand(context: CliContext): Command {
  return addFlags(new Command('report').description('print recall by hierarchy distance, of any retriever'), [
    ...taxonomyFlags(),
    new Flag('--with-text', of.withText),
    new Flag('--distances <file>', of.distances),
    new Flag('--run <files...>', of.run),
    new Flag('--hierarchy <folders...>', of.hierarchy),
    new Flag('--candidates <names...>', of.candidates),
    new Flag('--encoder <folders...>', of.encoder),
    new Flag('--no-own', of.own),
    new Flag('--cutoff <n>', of.cutoff),
    new Flag('--queries <n>', of.queries, { isValue: true }),
    new Flag('--svg <file>', of.svg),
    jsonFlag('print the report as JSON'),
  ])
    .addHelpText('after', help)
    .action(async (flags: ReportFlags) => {
      const { report } = await import('./report.ts');
      await report(context, flags);
    });
}
