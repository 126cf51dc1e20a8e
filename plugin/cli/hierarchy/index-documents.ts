/** What `blockrank hierarchy index` does. */
import { type BuildReport, buildStates } from '../../../adapters/server.ts';
import { FirstStageError, hierarchyMaker, openHierarchy } from '../../../engine/index.ts';
import type { BlockRankConfig } from '../../config/index.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import type { CliContext } from '../context.ts';
import { countsText } from '../states/building.ts';
import type { BuildFlags } from '../states/flags.ts';
import { targetOf } from '../states/place.ts';
import { statesSettings } from '../states/settings.ts';
import { withStateServer } from '../states/state-server.ts';
import { processIdentity } from '../states/worker-owner.ts';
import { withProgress } from '../with-progress.ts';

type SharedFlag =
  | 'config'
  | 'index'
  | 'field'
  | 'separator'
  | 'template'
  | 'slices'
  | 'workers'
  | 'docsPerSecond'
  | 'batch'
  | 'json';

/** Values of the options. */
export interface IndexFlags extends ConnectionFlags, Pick<BuildFlags, SharedFlag> {
  readonly hierarchy: string;
  readonly vectorField: string;
}

/**
 * Stores vectors, and prints the outcome. @throws ConfigurationError for impossible options.
 * @throws FirstStageError when the server refuses vectors.
 */
export async function indexDocuments(context: CliContext, flags: IndexFlags): Promise<void> {
  const { vectorField, slices, workers, docsPerSecond, batch, json } = flags;
  const hierarchy = await openHierarchy(flags.hierarchy);
  const settings = await statesSettings(context, {
    ...flags,
    to: 'field',
    stateField: vectorField,
    vector: true,
  });
  await withStateServer(context, settings.server, async (calls) => {
    const target = {
      ...targetOf(context, calls, settings),
      ...processIdentity(),
      ...textOf(flags, settings.file),
      maker: hierarchyMaker(hierarchy),
      slices,
      workers,
      documentsPerSecond: docsPerSecond,
      page: { documents: batch },
    };
    const report = await withProgress(context, 'indexing', ({ move }) =>
      buildStates({ ...target, onProgress: move }),
    );
    if (json) context.printJson({ ...report, field: `${vectorField}.vector`, width: hierarchy.width });
    else context.print(reportText(report, vectorField));
    assertTaken(report, calls.server);
  });
}

/** The options' text; the file's where they name neither fields nor a template. */
function textOf({ field: fields, separator, template }: IndexFlags, file: BlockRankConfig | undefined) {
  const own = fields === undefined && template === undefined ? file?.index : undefined;
  return { fields: own?.textFields ?? fields, separator: separator ?? file?.index.separator, template };
}

function reportText({ counts, documents, isDone }: BuildReport, field: string): string {
  return [
    `${countsText(counts, `the field "${field}.vector"`, 'vectors')}.`,
    `${counts.seen} of ${documents} documents looked at by this process.`,
    ...(isDone ? [] : ['Ended early; the same command goes on from here.']),
  ].join('\n');
}

function assertTaken({ counts, failure }: BuildReport, server: string): void {
  if (counts.failed === 0) return;
  throw new FirstStageError(
    `The server refused ${counts.failed} vectors, the first because of ${failure}. Put that right and index again.`,
    { adapter: server },
  );
}
