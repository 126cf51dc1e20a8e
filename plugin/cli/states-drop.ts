/** `blockrank states drop`: takes states away again. */
import { Command } from 'commander';
import { dropStates, type ServerCalls } from '../../adapters/opensearch/index.ts';
import type { CliContext } from './context.ts';
import { withStateServer } from './state-server.ts';
import { addPlaceOptions, type PlaceFlags, targetOf } from './states-flags.ts';

const help = `
Examples:
  $ blockrank states drop --opensearch http://localhost:9200 --index articles --generation anchor-fp16-3fb01c27a9d4
  $ blockrank states drop --elasticsearch http://localhost:9200 --index articles --to field`;

/** Makes the command `states drop`. */
export function dropCommand(context: CliContext): Command {
  return addPlaceOptions(
    new Command('drop').description('take the states of one generation, or of the documents, away'),
  )
    .addHelpText('after', help)
    .action((flags: PlaceFlags) => withStateServer(context, flags, (calls) => drop(context, calls, flags)));
}

async function drop(context: CliContext, calls: ServerCalls, flags: PlaceFlags): Promise<void> {
  const removed = await dropStates(targetOf(context, calls, { flags }));
  if (flags.json) context.printJson({ removed });
  else context.print(removed.length > 0 ? `Removed: ${removed.join(', ')}.` : 'Nothing was there.');
}
