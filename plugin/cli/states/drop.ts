/** `blockrank states drop`: takes states away again. */
import { Command } from 'commander';
import { dropStates, type ServerCalls } from '../../../adapters/server.ts';
import type { CliContext } from '../context.ts';
import { addPlaceOptions, type PlaceFlags } from './flags.ts';
import { targetOf } from './place.ts';
import { type StatesSettings, statesSettings } from './settings.ts';
import { withStateServer } from './state-server.ts';

const help = `
Examples:
  $ blockrank states drop --opensearch http://localhost:9200 --index articles --generation anchor-fp16-3fb01c27a9d4
  $ blockrank states drop --elasticsearch http://localhost:9200 --index articles --to field
  $ blockrank states drop --config blockrank.config.yaml --generation anchor-fp16-3fb01c27a9d4

With --config alone it takes away the states that searches by that file read; they encode what they find from then on.`;

/** Makes the command `states drop`. */
export function dropCommand(context: CliContext): Command {
  return addPlaceOptions(
    new Command('drop').description('take the states of one generation, or of the documents, away'),
  )
    .addHelpText('after', help)
    .action(async (flags: PlaceFlags) => {
      const settings = await statesSettings(context, flags);
      await withStateServer(context, settings.server, (calls) => drop(context, calls, { flags, settings }));
    });
}

async function drop(
  context: CliContext,
  calls: ServerCalls,
  { flags, settings }: { readonly flags: PlaceFlags; readonly settings: StatesSettings },
): Promise<void> {
  const removed = await dropStates(targetOf(context, calls, settings));
  if (flags.json) context.printJson({ removed });
  else context.print(removed.length > 0 ? `Removed: ${removed.join(', ')}.` : 'Nothing was there.');
}
