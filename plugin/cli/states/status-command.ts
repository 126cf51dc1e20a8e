/** `blockrank states status`: how many documents have a state that fits. */
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addPlaceOptions, addTextOptions, type PlaceFlags, type TextFlags } from './flags.ts';

const help = `
Examples:
  $ blockrank states status --opensearch http://localhost:9200 --index articles --field title --field body
  $ blockrank states status --config blockrank.config.yaml

Every document is read, and its text compared with the one that its state was made from; nothing is encoded.`;

/** Makes the command `states status`. */
export function statesStatusCommand(context: CliContext): Command {
  const command = new Command('status').description(
    'count documents with fitting, stale, missing and foreign states',
  );
  return addTextOptions(addPlaceOptions(command))
    .addHelpText('after', help)
    .action(async (flags: PlaceFlags & TextFlags) => {
      const { status } = await import('./status.ts');
      await status(context, flags);
    });
}
