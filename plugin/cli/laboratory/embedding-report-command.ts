/** `blockrank embedding-report`: what embeddings are worth for curation. */
import { Command } from 'commander';
import type { OptionRow } from '../../options/option.ts';
import type { MakeCommand } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { modelOptions } from '../model-options.ts';
import { jsonFlag } from '../shared-flags.ts';
import type { EmbeddingReportOptions } from './embedding-report.ts';
import { countFlag, textFlag } from './laboratory-flags.ts';

const examples = `
Examples:
  $ blockrank embedding-report --data my-collection
  $ blockrank embedding-report --data shop help --embeddings free random mine=vectors.jsonl
  $ blockrank embedding-report --data my-collection --of queries --run default.trec --embeddings free mine=queries.jsonl

Vectors are lines of {"_id": ..., "vector": [...]}. Variance reduction: how many times less the loss varies within balanced
clusters than over all; 1 for noise. The loss of a text is that of a bigram model of the other half of the texts, unless
--losses names others; with --run, a query's loss is 1 - nDCG@10 of that run. Purity: share of a cluster that comes from
its most frequent source; a source is a collection, unless --sources names others.`;

const of: OptionRow = {
  type: 'choice',
  of: ['documents', 'queries'],
  default: 'documents',
  help: 'what has vectors',
};

/** Makes the command. */
export const embeddingReportCommand: MakeCommand = (context) =>
  addFlags(
    new Command('embedding-report').description(
      'Measures embeddings by how well neighbours share a loss and a source.',
    ),
    [
      new Flag(
        '--data <folders...>',
        { type: 'text', isRequired: true, help: 'collections' },
        { isMandatory: true },
      ),
      new Flag('--of <what>', of, { isValue: true }),
      textFlag(
        '--embeddings <names...>',
        'free (averages of token embeddings), random (of random word vectors), noise, or NAME=FILE (default: these three)',
      ),
      textFlag('--losses <file>', 'table of id and loss, of any model'),
      textFlag(
        '--run <file>',
        'TREC run whose nDCG@10 says how hard a query is; with --of queries and one collection',
      ),
      textFlag('--sources <file>', 'table of id and source'),
      textFlag('--sizes <list>', 'rows a cluster; separated by commas', '5,10,25,50'),
      countFlag('--seeds <n>', 'clusterings whose mean is reported', { value: 3 }),
      countFlag('--rows <n>', 'most rows that are looked at, drawn at random', { min: 20, value: 2000 }),
      ...modelOptions({ only: ['model'] }),
      jsonFlag('print the report as JSON'),
    ],
  )
    .addHelpText('after', examples)
    .action(async (options: EmbeddingReportOptions) => {
      const { embeddingReport } = await import('./embedding-report.ts');
      await embeddingReport(context, options);
    });
