/** `blockrank hierarchy query`: the categories and the vector of a search. */
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addFlags } from '../flag.ts';
import { countFlag } from '../laboratory/laboratory-flags.ts';
import { jsonFlag } from '../shared-flags.ts';
import { hierarchyFlag } from './hierarchy-flags.ts';
import type { QueryFlags } from './query.ts';

const help = `
Examples:
  $ blockrank hierarchy query "kids sandals" --hierarchy ./categories
  $ blockrank hierarchy query "kids sandals" --hierarchy ./categories --json

JSON has the vector beside the categories. Search Elasticsearch with it as knn.query_vector, OpenSearch as the vector of a
knn query, on the field that "hierarchy index" wrote.`;

/** Makes the command `hierarchy query`. */
export function queryCommand(context: CliContext): Command {
  return addFlags(
    new Command('query')
      .description('print the categories that a search finds, and its vector')
      .argument('<text>', 'the search'),
    [
      hierarchyFlag(),
      countFlag('--top <n>', 'categories that are printed', { value: 10 }),
      jsonFlag('print categories and vector as JSON'),
    ],
  )
    .addHelpText('after', help)
    .action(async (text: string, flags: QueryFlags) => {
      const { query } = await import('./query.ts');
      await query(context, text, flags);
    });
}
