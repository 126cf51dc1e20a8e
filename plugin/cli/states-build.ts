/** `blockrank states build`: stores the state of every document where the documents are. */
import { Command } from 'commander';
import {
  type BuildReport,
  buildStates,
  defaultStateField,
  type ServerCalls,
  type StatePlace,
} from '../../adapters/opensearch/index.ts';
import { FirstStageError } from '../../engine/index.ts';
import type { CliContext, Progress } from './context.ts';
import { openStateMaker } from './state-maker.ts';
import { withStateServer } from './state-server.ts';
import { durationText, estimateBuild, estimateLine } from './states-estimate.ts';
import {
  addBuildOptions,
  addPlaceOptions,
  addTextOptions,
  type BuildFlags,
  targetOf,
} from './states-flags.ts';
import { processIdentity } from './worker-owner.ts';

const help = `
Examples:
  $ blockrank states build --opensearch http://localhost:9200 --index articles --field title --field body --dry-run
  $ blockrank states build --elasticsearch http://localhost:9200 --index articles --field body --docs-per-second 200

Give the same fields, separator and template as where searches are reranked: a state is found by its text. Start the
same command on as many machines as you like: they share the slices. End it at any moment, and start it again: it goes
on where it was. Documents that somebody changes meanwhile are left alone; the next build takes them.`;

/** Makes the command `states build`. */
export function buildCommand(context: CliContext): Command {
  const command = new Command('build').description(
    'encode documents once, and store their states beside them',
  );
  return addBuildOptions(addTextOptions(addPlaceOptions(command)))
    .addHelpText('after', help)
    .action((flags: BuildFlags) => withStateServer(context, flags, (calls) => build(context, calls, flags)));
}

async function build(context: CliContext, calls: ServerCalls, flags: BuildFlags): Promise<void> {
  const maker = await openStateMaker(flags);
  try {
    const { field: fields, separator, template, docsPerSecond } = flags;
    const target = { ...targetOf(context, calls, { flags, names: maker }), fields, separator, template };
    if (flags.estimate || flags.dryRun) {
      const estimate = await estimateBuild(maker, target, docsPerSecond);
      if (flags.dryRun && flags.json) return context.printJson({ estimate, place: target.place });
      if (flags.dryRun) return context.print(estimateLine(estimate));
      context.note(estimateLine(estimate));
    }
    const start = performance.now();
    const report = await runBuild(context, flags, { ...target, maker });
    const seconds = (performance.now() - start) / 1000;
    if (flags.json) context.printJson({ ...report, seconds, place: target.place });
    else context.print(reportLines(report, seconds, placeText(target.place)).join('\n'));
    assertTaken(report, calls);
  } finally {
    await maker.close();
  }
}

type BuildTarget = Pick<
  Parameters<typeof buildStates>[0],
  'calls' | 'index' | 'place' | 'signal' | 'maker' | 'fields' | 'separator' | 'template'
>;

async function runBuild(context: CliContext, flags: BuildFlags, target: BuildTarget): Promise<BuildReport> {
  const { slices, workers, docsPerSecond, batch } = flags;
  let bar: Progress | undefined;
  try {
    return await buildStates({
      ...target,
      ...processIdentity(),
      slices,
      workers,
      documentsPerSecond: docsPerSecond,
      page: { documents: batch },
      onProgress(done, total) {
        bar ??= context.progress('building', total);
        bar.update(done);
      },
    });
  } finally {
    bar?.stop();
  }
}

function reportLines({ counts, documents, isDone }: BuildReport, seconds: number, place: string): string[] {
  const { seen, fresh, written, conflicts, gone, failed } = counts;
  const rate = Math.round(seen / Math.max(seconds, 0.001));
  const parts = [
    `${written} states written to ${place}`,
    `${fresh} were there`,
    ...(conflicts > 0 ? [`${conflicts} documents changed meanwhile (build again)`] : []),
    ...(gone > 0 ? [`${gone} were deleted meanwhile`] : []),
    ...(failed > 0 ? [`${failed} were refused`] : []),
  ];
  return [
    `${parts.join(', ')}.`,
    `${seen} of ${documents} documents looked at by this process in ${durationText(seconds)}, ${rate} documents/s.`,
    ...(isDone ? [] : ['Ended early; the same command goes on from here.']),
  ];
}

function placeText(place: StatePlace): string {
  return place.kind === 'sidecar'
    ? `generation "${place.generation}"`
    : `the field "${place.field ?? defaultStateField}"`;
}

function assertTaken({ counts, failure }: BuildReport, { server }: ServerCalls): void {
  if (counts.failed === 0) return;
  throw new FirstStageError(
    `The server refused ${counts.failed} states, the first because of ${failure}. Put that right and build again.`,
    { adapter: server },
  );
}
