/** `blockrank states`: block states in the search server, computed once and found by every request. */
import { CommandGroup } from '../command-group.ts';
import type { MakeCommand } from '../context.ts';
import { buildCommand } from './build-command.ts';
import { dropCommand } from './drop-command.ts';
import { statesStatusCommand } from './status-command.ts';
import { watchCommand } from './watch-command.ts';

const help = `
Examples:
  $ blockrank states build --opensearch http://localhost:9200 --index articles --field title --field body
  $ blockrank states status --opensearch http://localhost:9200 --index articles --field title --field body --json
  $ blockrank states watch --config blockrank.config.yaml

Every command shows its own options and examples with --help; all of them print JSON with --json.`;

/** Makes the command `states`. */
export const statesCommand: MakeCommand = (context) => {
  const command = new CommandGroup('states')
    .description(
      'store block states of documents in Elasticsearch or OpenSearch, keep them fresh, count them, take them away',
    )
    .addHelpText('after', help);
  for (const make of [buildCommand, watchCommand, statesStatusCommand, dropCommand]) {
    command.addCommand(make(context));
  }
  return command;
};
