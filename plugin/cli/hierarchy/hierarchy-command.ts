/** `blockrank hierarchy`: searches for narrow terms that find the broad categories above them. */
import { CommandGroup } from '../command-group.ts';
import type { MakeCommand } from '../context.ts';
import { indexCommand } from './index-command.ts';
import { queryCommand } from './query-command.ts';
import { reportCommand } from './report-command.ts';
import { trainCommand } from './train-command.ts';

const help = `
Examples:
  $ blockrank hierarchy train --taxonomy categories.tsv --output ./categories
  $ blockrank hierarchy query "kids sandals" --hierarchy ./categories
  $ blockrank hierarchy index --hierarchy ./categories --opensearch http://localhost:9200 --index products --field title
  $ blockrank hierarchy report --taxonomy categories.tsv --hierarchy ./categories --run bm25.trec

Every command shows its own options and examples with --help; all of them print JSON with --json.`;

/** Makes the command `hierarchy`. */
export const hierarchyCommand: MakeCommand = (context) => {
  const command = new CommandGroup('hierarchy')
    .description('learn vectors by which a search for something narrow finds the categories above it')
    .addHelpText('after', help);
  for (const make of [trainCommand, indexCommand, queryCommand, reportCommand]) {
    command.addCommand(make(context));
  }
  return command;
};
