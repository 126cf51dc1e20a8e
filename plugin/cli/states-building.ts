/** What `blockrank states build` and `blockrank states watch` have in common. */
import {
  type BuildCounts,
  type BuildOptions,
  defaultStateField,
  type ServerCalls,
  type StateMaker,
  type StatePlace,
} from '../../adapters/opensearch/index.ts';
import type { CliContext } from './context.ts';
import { estimateBuild, estimateLine } from './states-estimate.ts';
import type { BuildFlags } from './states-flags.ts';
import { targetOf } from './states-place.ts';
import {
  assertOwnPlace,
  type StatesSettings,
  statesSettings,
  type TextSettings,
  textSettings,
} from './states-settings.ts';
import { processIdentity } from './worker-owner.ts';

/** The options of either as the library takes them. @throws ConfigurationError for a place that cannot be. */
export function buildTarget(
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

/** What {@link buildTarget} puts together. */
export interface BuildParts {
  /** The options. */
  readonly flags: BuildFlags;
  /** What they and the file say together. */
  readonly settings: BuildSettings;
  /** Who encodes. */
  readonly maker: StateMaker;
}

/** Settings of a build. */
export type BuildSettings = StatesSettings & TextSettings;

/** What options and file say of a build. @throws ConfigurationError for what cannot be, and before states in use are lost. */
export async function buildSettings(context: CliContext, flags: BuildFlags): Promise<BuildSettings> {
  const settings = await statesSettings(context, flags);
  const text = textSettings(flags, settings);
  assertOwnPlace(flags, settings, text);
  return { ...settings, ...text };
}

/** Tells what it will take, as the flags want it. @returns Whether that was all. */
export async function tellEstimate(
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
