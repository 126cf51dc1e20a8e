/** `blockrank states watch`: keeps the states of new and changed documents fresh. */
import { Command } from 'commander';
import type { CliContext } from '../context.ts';
import {
  addBuildOptions,
  addPlaceOptions,
  addTextOptions,
  addWatchOptions,
  type WatchFlags,
} from './flags.ts';

const help = `
Examples:
  $ blockrank states watch --opensearch http://localhost:9200 --index articles --field title --field body
  $ blockrank states watch --elasticsearch http://localhost:9200 --index 'logs-*' --field message --interval 30 --json
  $ blockrank states watch --config blockrank.config.yaml

Builds what is missing first, and then looks every --interval seconds at what was written since. Where it is, it
remembers in the index "blockrank-states-runs": ended at any moment and started again, it goes on from there. Several
watches of the same index share the work. With --json every round is one line. Ctrl-C ends it after the batch in hand,
with 130; SIGTERM with 0.`;

/** Makes the command `states watch`. */
export function watchCommand(context: CliContext): Command {
  const command = new Command('watch').description(
    'build states, and keep those of new and changed documents fresh',
  );
  return addWatchOptions(addBuildOptions(addTextOptions(addPlaceOptions(command))))
    .addHelpText('after', help)
    .action(async (flags: WatchFlags) => {
      const { watch } = await import('./watch.ts');
      await watch(context, flags);
    });
}
