import { stringify } from 'yaml';
import {
  type BuildReport,
  buildStates,
  type ServerCalls,
  type StatePlace,
} from '../../../adapters/server.ts';
import { FirstStageError, type Precision } from '../../../engine/index.ts';
import { isSameStates, toStatesConfig } from '../../config/built-states.ts';
import type { RerankerConfig, StatesConfig } from '../../config/index.ts';
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
  { settings, target, precision }: Build,
): Promise<void> {
  const start = performance.now();
  const report = await withProgress(context, 'building', ({ move }) =>
    buildStates({ ...target, onProgress: move }),
  );
  const seconds = (performance.now() - start) / 1000;
  const config = report.isDone ? configToRead(settings, target.place, precision) : {};
  if (flags.json) {
    const isLacking = Object.keys(config).length > 0;
    context.printJson({ ...report, seconds, place: target.place, ...(isLacking && { config }) });
  } else {
    const lines = [...reportLines(report, seconds, placeText(target.place)), ...configLines(config)];
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

/** What a configuration lacks for searches to read the states, by section. */
interface LackingConfig {
  readonly index?: { readonly states: StatesConfig };
  readonly reranker?: { readonly precision: Precision };
}

function configToRead(
  { maker, file }: BuildSettings,
  place: StatePlace,
  precision: Precision,
): LackingConfig {
  const states = toStatesConfig(place, maker.codec);
  return {
    ...(isSameStates(file?.index.states, states) ? {} : { index: { states } }),
    ...(precision === precisionOfSearches(file?.reranker) ? {} : { reranker: { precision } }),
  };
}

/** How searches multiply; undefined where the device that they find decides, which may be another one than the build's. */
function precisionOfSearches({ precision, device = 'cpu' }: RerankerConfig = {}): Precision | undefined {
  return precision ?? (device === 'cpu' ? 'fp32' : undefined);
}

function configLines(config: LackingConfig): string[] {
  return Object.entries(config).flatMap(([section, settings], at) => {
    const text = stringify(settings, { collectionStyle: 'flow', lineWidth: 0 }).trim();
    const [, inner] = /^\{ (.*) \}$/s.exec(text) ?? [text, text];
    const head =
      at === 0
        ? `Searches read them once the section "${section}" of their configuration says`
        : `and the section "${section}"`;
    return [head, `  ${inner}`];
  });
}

function assertTaken({ counts, failure }: BuildReport, { server }: ServerCalls): void {
  if (counts.failed === 0) return;
  throw new FirstStageError(
    `The server refused ${counts.failed} states, the first because of ${failure}. Put that right and build again.`,
    { adapter: server },
  );
}
