/** What `blockrank states build` and `blockrank states watch` have in common. */
import {
  type BuildCounts,
  type BuildOptions,
  defaultStateField,
  type ServerCalls,
  type StateMaker,
  type StatePlace,
} from '../../../adapters/server.ts';
import type { CliContext } from '../context.ts';
import { estimateBuild, estimateLine } from './estimate.ts';
import type { BuildFlags } from './flags.ts';
import { targetOf } from './place.ts';
import {
  assertOwnPlace,
  type StatesSettings,
  statesSettings,
  type TextSettings,
  textSettings,
} from './settings.ts';
import { withStateMaker } from './state-maker.ts';
import { withStateServer } from './state-server.ts';
import { processIdentity } from './worker-owner.ts';

/** Settings of a build. */
export type BuildSettings = StatesSettings & TextSettings;

/** A build that may begin. */
export interface Build {
  /** What options and file say. */
  readonly settings: BuildSettings;
  /** The same as the library takes it, with server and model open. */
  readonly target: BuildOptions;
}

/**
 * Opens server and model, tells what it will take, and does the work unless telling was all.
 *
 * @throws ConfigurationError for what options or file cannot say, and before states in use are lost.
 */
export async function withBuild(
  context: CliContext,
  flags: BuildFlags,
  work: (build: Build) => Promise<void>,
): Promise<void> {
  const settings = await buildSettings(context, flags);
  await withStateServer(context, settings.server, (calls) =>
    withStateMaker(settings.maker, async (maker) => {
      const target = buildTarget(context, calls, { flags, settings, maker });
      if (!(await tellEstimate(context, flags, target))) await work({ settings, target });
    }),
  );
}

async function buildSettings(context: CliContext, flags: BuildFlags): Promise<BuildSettings> {
  const settings = await statesSettings(context, flags);
  const text = textSettings(flags, settings);
  assertOwnPlace(flags, settings, text);
  return { ...settings, ...text };
}

function buildTarget(
  context: CliContext,
  calls: ServerCalls,
  { flags, settings, maker }: BuildParts,
): BuildOptions {
  const { slices, workers, docsPerSecond, batch } = flags;
  return {
    ...targetOf(context, calls, { ...settings, names: maker }),
    ...processIdentity(),
    maker,
    ...settings.text,
    slices,
    workers,
    documentsPerSecond: docsPerSecond,
    page: { documents: batch },
  };
}

interface BuildParts {
  readonly flags: BuildFlags;
  readonly settings: BuildSettings;
  readonly maker: StateMaker;
}

/** Tells what it will take, as the flags want it. @returns Whether that was all. */
async function tellEstimate(
  context: CliContext,
  { estimate: isWanted, dryRun, json }: BuildFlags,
  target: BuildOptions,
): Promise<boolean> {
  if (!isWanted && !dryRun) return false;
  const estimate = await estimateBuild(target.maker, target, target.documentsPerSecond);
  if (dryRun && json) context.printJson({ estimate, place: target.place });
  else if (dryRun) context.print(estimateLine(estimate));
  else context.note(estimateLine(estimate));
  return dryRun === true;
}

/** Counts in words; those that are rare are named where there are any. */
export function countsText(counts: BuildCounts, place: string): string {
  const { fresh, written, conflicts, gone, failed, orphans } = counts;
  return [
    `${written} states written to ${place}`,
    `${fresh} were there`,
    ...(gone > 0 ? [`${gone} were deleted meanwhile`] : []),
    ...(failed > 0 ? [`${failed} were refused`] : []),
    ...(orphans > 0 ? [`${orphans} of deleted documents removed`] : []),
    ...(conflicts > 0 ? [`${conflicts} documents changed meanwhile`] : []),
  ].join(', ');
}

/** A place in words. */
export function placeText(place: StatePlace): string {
  return place.kind === 'sidecar'
    ? `generation "${place.generation}"`
    : `the field "${place.field ?? defaultStateField}"`;
}
