/** `blockrank hierarchy report`: recall by distance of any retriever. */
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { countFlag, textFlag } from '../laboratory/laboratory-flags.ts';
import { jsonFlag } from '../shared-flags.ts';
import { taxonomyFlags } from './hierarchy-flags.ts';
import type { ReportFlags } from './report.ts';

const help = `
Examples:
  $ blockrank hierarchy report --taxonomy categories.tsv --hierarchy ./categories
  $ blockrank hierarchy report --data hier-product-taxonomy --run bm25.trec dense.trec --no-own --svg recall.svg
  $ blockrank hierarchy report --distances distances.tsv --run bm25.trec --cutoff 100

A category is found when it is among a query's first n, n being how many categories the query is to find. Queries of a run
are categories by id, or "q" and that id. Columns are steps from the query up; "least" is the smallest of them.`;

/** Makes the command `hierarchy report`. */
export function reportCommand(context: CliContext): Command {
  return addFlags(
    new Command('report').description('print recall by hierarchy distance, of hierarchies and runs'),
    [
      ...taxonomyFlags(),
      new Flag('--with-text', {
        type: 'switch',
        help: "with --data: queries are a category's title and text",
      }),
      textFlag('--distances <file>', 'table of query-id, corpus-id and distance; for runs alone'),
      textFlag('--run <files...>', 'TREC runs'),
      textFlag('--hierarchy <folders...>', 'what "hierarchy train" wrote'),
      new Flag('--no-own', {
        type: 'switch',
        help: 'a category need not find itself, and is taken out of its order',
      }),
      countFlag(
        '--cutoff <n>',
        'places of an order that count (default: as many as the query is to find)',
        {},
      ),
      countFlag('--queries <n>', 'queries of a hierarchy at most, drawn by a fixed seed', { value: 2000 }),
      textFlag('--svg <file>', 'write a chart'),
      jsonFlag('print the report as JSON'),
    ],
  )
    .addHelpText('after', help)
    .action(async (flags: ReportFlags) => {
      const { report } = await import('./report.ts');
      await report(context, flags);
    });
}
