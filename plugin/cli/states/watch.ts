/** `blockrank states watch`: keeps the states of new and changed documents fresh. */
import { Command } from 'commander';
import { type WatchOptions, watchStates } from '../../../adapters/server.ts';
import type { CliContext } from '../context.ts';
import { untilTold } from '../serve/until-told.ts';
import { withProgress } from '../with-progress.ts';
import { countsText, placeText, withBuild } from './building.ts';
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
    .action((flags: WatchFlags) => watch(context, flags));
}

function watch(context: CliContext, flags: WatchFlags): Promise<void> {
  return untilTold(context, (signal) =>
    withBuild(context, flags, ({ target }) =>
      withProgress(context, 'building', (bar) =>
        watchStates({
          ...target,
          ...listeners(context, flags, placeText(target.place)),
          onProgress(done, total) {
            bar.move(done, total);
            // What comes after is a handful of documents a round.
            if (done >= total) bar.stop();
          },
          signal,
          intervalMs: toMs(flags.interval),
          sweepEveryMs: toMs(flags.sweep),
        }),
      ),
    ),
  );
}

/** What people are told, and programs. */
function listeners(
  context: CliContext,
  { json }: WatchFlags,
  place: string,
): Pick<WatchOptions, 'onBuild' | 'onAway' | 'onBack'> {
  return {
    onBuild(built) {
      const { counts, failure, isWhole } = built;
      if (failure !== undefined) {
        context.note(
          `blockrank: the server refused ${counts.failed} states, the first because of ${failure}.`,
        );
      }
      if (json) context.print(JSON.stringify(built));
      // Builds that found nothing are told to programs alone.
      else if (isWhole || counts.seen > 0 || counts.orphans > 0) {
        context.print(`build ${built.build}: ${countsText(counts, place)}.`);
      }
    },
    onAway: (reason) => context.note(`blockrank: the server is away (${reason}); waiting until it is back.`),
    onBack: () => context.note('blockrank: the server is back.'),
  };
}

function toMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : 1000 * seconds;
}
