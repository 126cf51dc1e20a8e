import { dropStates, type ServerCalls } from '../../../adapters/server.ts';
import type { CliContext } from '../context.ts';
import type { PlaceFlags } from './flags.ts';
import { targetOf } from './place.ts';
import { type StatesSettings, statesSettings } from './settings.ts';
import { withStateServer } from './state-server.ts';

/** Removes the states, and prints of which indices. @throws ConfigurationError for an impossible place. */
export async function drop(context: CliContext, flags: PlaceFlags): Promise<void> {
  const settings = await statesSettings(context, flags);
  await withStateServer(context, settings.server, (calls) =>
    dropAndTell(context, calls, { flags, settings }),
  );
}

async function dropAndTell(
  context: CliContext,
  calls: ServerCalls,
  { flags, settings }: { readonly flags: PlaceFlags; readonly settings: StatesSettings },
): Promise<void> {
  const removed = await dropStates(targetOf(context, calls, settings));
  if (flags.json) context.printJson({ removed });
  else context.print(removed.length > 0 ? `Removed: ${removed.join(', ')}.` : 'Nothing was there.');
}
