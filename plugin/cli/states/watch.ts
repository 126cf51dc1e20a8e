import { type WatchOptions, watchStates } from '../../../adapters/server.ts';
import type { CliContext } from '../context.ts';
import { untilTold } from '../serve/until-told.ts';
import { withProgress } from '../with-progress.ts';
import { countsText, placeText, withBuild } from './building.ts';
import type { WatchFlags } from './flags.ts';

/** Builds, and watches until SIGTERM or Ctrl-C. @throws ConfigurationError for impossible options or settings. */
export function watch(context: CliContext, flags: WatchFlags): Promise<void> {
  return untilTold(context, (signal) =>
    withBuild(context, flags, ({ target }) =>
      withProgress(context, 'building', (bar) =>
        watchStates({
          ...target,
          ...listeners(context, flags, placeText(target.place)),
          onProgress(done, total) {
            bar.move(done, total);
            // Later builds handle only a few documents each, so they show no bar.
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

/** The listeners that print to people and to programs. */
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
      // Only programs hear of builds that found nothing.
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
