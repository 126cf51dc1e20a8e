/** `blockrank states status`: how many documents have a state that fits. */
import { Command } from 'commander';
import { type ServerCalls, type StateSurvey, surveyStates } from '../../../adapters/server.ts';
import type { CliContext } from '../context.ts';
import { withProgress } from '../with-progress.ts';
import type { BuildSettings } from './building.ts';
import { sizeText } from './estimate.ts';
import { addPlaceOptions, addTextOptions, type PlaceFlags, type TextFlags } from './flags.ts';
import { targetOf } from './place.ts';
import { statesSettings, textSettings } from './settings.ts';
import { withStateMaker } from './state-maker.ts';
import { withStateServer } from './state-server.ts';

const help = `
Examples:
  $ blockrank states status --opensearch http://localhost:9200 --index articles --field title --field body
  $ blockrank states status --config blockrank.config.yaml

Every document is read, and its text compared with the one that its state was made from; nothing is encoded.`;

type StatusFlags = PlaceFlags & TextFlags;

/** Makes the command `states status`. */
export function statesStatusCommand(context: CliContext): Command {
  const command = new Command('status').description(
    'count documents with fitting, stale, missing and foreign states',
  );
  return addTextOptions(addPlaceOptions(command))
    .addHelpText('after', help)
    .action(async (flags: StatusFlags) => {
      const settings = await statesSettings(context, flags);
      const all = { ...settings, ...textSettings(flags, settings) };
      await withStateServer(context, settings.server, (calls) =>
        status(context, calls, { flags, settings: all }),
      );
    });
}

async function status(
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
