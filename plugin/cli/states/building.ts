/** What `blockrank states build` and `blockrank states watch` have in common. */
import {
  type BuildCounts,
  type BuildOptions,
  defaultStateField,
  type ServerCalls,
  type StatePlace,
} from '../../../adapters/server.ts';
import type { Precision } from '../../../engine/index.ts';
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
import { type OpenStateMaker, withStateMaker } from './state-maker.ts';
import { withStateServer } from './state-server.ts';
import { processIdentity } from './worker-owner.ts';

/** Settings of a build. */
export type BuildSettings = StatesSettings & TextSettings;

/** A build that is ready to begin. */
export interface Build {
  /** The settings of options and file. */
  readonly settings: BuildSettings;
  /** The library's options of the build, with server and model open. */
  readonly target: BuildOptions;
  /** How the encoder multiplies. */
  readonly precision: Precision;
}

/**
 * Opens server and model, prints an estimate, and does the work unless this is a dry run.
 *
 * @throws ConfigurationError for impossible options or settings, and for a build that would lose states in use.
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
      if (!(await tellEstimate(context, flags, target))) {
        await work({ settings, target, precision: maker.precision });
      }
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
  readonly maker: OpenStateMaker;
}

/** Prints the estimate that the flags ask for. @returns Whether this is a dry run, so that the work ends here. */
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

/** Counts in words; rare kinds are named only where they occur. @param things - What is written. */
export function countsText(counts: BuildCounts, place: string, things = 'states'): string {
  const { fresh, written, conflicts, gone, failed, orphans } = counts;
  return [
    `${written} ${things} written to ${place}`,
    `${fresh} were there`,
    ...(gone > 0 ? [`${gone} were deleted meanwhile`] : []),
    ...(failed > 0 ? [`${failed} were refused`] : []),
    ...(orphans > 0 ? [`${orphans} of deleted documents removed`] : []),
    ...(conflicts > 0 ? [`${conflicts} documents changed meanwhile`] : []),
  ].join(', ');
}

/** A place of states in words. */
export function placeText(place: StatePlace): string {
  return place.kind === 'sidecar'
    ? `generation "${place.generation}"`
    : `the field "${place.field ?? defaultStateField}"`;
}
