import { stringify } from 'yaml';
import {
  type BuildReport,
  buildStates,
  type ServerCalls,
  type StatePlace,
} from '../../../adapters/server.ts';
import { FirstStageError } from '../../../engine/index.ts';
import { isSameStates, toStatesConfig } from '../../config/built-states.ts';
import type { StatesConfig } from '../../config/index.ts';
import type { CliContext } from '../context.ts';
import { withProgress } from '../with-progress.ts';
import { type Build, type BuildSettings, countsText, placeText, withBuild } from './building.ts';
import { durationText } from './estimate.ts';
import type { BuildFlags } from './flags.ts';

/**
 * Builds states, and prints the outcome. @throws ConfigurationError for impossible options or settings.
 * @throws FirstStageError when the server refuses states.
 */
export function build(context: CliContext, flags: BuildFlags): Promise<void> {
  return withBuild(context, flags, (ready) => buildAndTell(context, flags, ready));
}

async function buildAndTell(
  context: CliContext,
  flags: BuildFlags,
  { settings, target }: Build,
): Promise<void> {
  const start = performance.now();
  const report = await withProgress(context, 'building', ({ move }) =>
    buildStates({ ...target, onProgress: move }),
  );
  const seconds = (performance.now() - start) / 1000;
  const states = report.isDone ? statesToRead(settings, target.place) : undefined;
  if (flags.json) {
    const config = states && { index: { states } };
    context.printJson({ ...report, seconds, place: target.place, ...(config && { config }) });
  } else {
    const lines = [...reportLines(report, seconds, placeText(target.place)), ...configLines(states)];
    context.print(lines.join('\n'));
  }
  assertTaken(report, target.calls);
}

function reportLines({ counts, documents, isDone }: BuildReport, seconds: number, place: string): string[] {
  const { seen } = counts;
  const rate = Math.round(seen / Math.max(seconds, 0.001));
  return [
    `${countsText(counts, place)}${counts.conflicts > 0 ? ' (build again)' : ''}.`,
    `${seen} of ${documents} documents looked at by this process in ${durationText(seconds)}, ${rate} documents/s.`,
    ...(isDone ? [] : ['Ended early; the same command goes on from here.']),
  ];
}

/** The setting that the configuration still lacks for searches to read the states. */
function statesToRead({ maker, file }: BuildSettings, place: StatePlace): StatesConfig | undefined {
  const states = toStatesConfig(place, maker.codec);
  return isSameStates(file?.index.states, states) ? undefined : states;
}

function configLines(states: StatesConfig | undefined): string[] {
  if (!states) return [];
  const section = stringify(states, { collectionStyle: 'flow', lineWidth: 0 }).trim();
  return ['Searches read them once the section "index" of their configuration says', `  states: ${section}`];
}

function assertTaken({ counts, failure }: BuildReport, { server }: ServerCalls): void {
  if (counts.failed === 0) return;
  throw new FirstStageError(
    `The server refused ${counts.failed} states, the first because of ${failure}. Put that right and build again.`,
    { adapter: server },
  );
}
