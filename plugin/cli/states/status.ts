import { type ServerCalls, type StateSurvey, surveyStates } from '../../../adapters/server.ts';
import type { CliContext } from '../context.ts';
import { withProgress } from '../with-progress.ts';
import type { BuildSettings } from './building.ts';
import { sizeText } from './estimate.ts';
import type { PlaceFlags, TextFlags } from './flags.ts';
import { targetOf } from './place.ts';
import { statesSettings, textSettings } from './settings.ts';
import { withStateMaker } from './state-maker.ts';
import { withStateServer } from './state-server.ts';

type StatusFlags = PlaceFlags & TextFlags;

/** Counts states, and prints the counts. @throws ConfigurationError for impossible options or settings. */
export async function status(context: CliContext, flags: StatusFlags): Promise<void> {
  const settings = await statesSettings(context, flags);
  const all = { ...settings, ...textSettings(flags, settings) };
  await withStateServer(context, settings.server, (calls) =>
    tellStatus(context, calls, { flags, settings: all }),
  );
}

async function tellStatus(
  context: CliContext,
  calls: ServerCalls,
  { flags, settings }: { readonly flags: StatusFlags; readonly settings: BuildSettings },
): Promise<void> {
  await withStateMaker(settings.maker, async (maker) => {
    const target = targetOf(context, calls, { ...settings, names: maker });
    const survey = await withProgress(context, 'reading', ({ move }) =>
      surveyStates({ ...target, names: maker, ...settings.text, onProgress: move }),
    );
    if (flags.json) context.printJson({ ...survey, place: target.place });
    else context.print(surveyLines(survey).join('\n'));
  });
}

function surveyLines({ documents, fresh, stale, missing, foreign, orphaned, bytes }: StateSurvey): string[] {
  const rows: readonly (readonly [string, string | number | undefined])[] = [
    ['documents', documents],
    ['fresh', fresh],
    ['stale', stale],
    ['missing', missing],
    ['foreign', foreign],
    ['orphaned', orphaned],
    ['size', bytes === undefined ? undefined : sizeText(bytes)],
  ];
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(10)} ${value}`]));
}
