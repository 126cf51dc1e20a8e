/** Builds block states where the documents are. */
import { FirstStageError } from '../../../engine/index.ts';
import { documentIndices } from '../../stored-states/document-indices.ts';
import { readText } from '../place/read-text.ts';
import { assertTexts } from './assert-texts.ts';
import { type BuildCounts, Tally } from './counts.ts';
import { type BuildOptions, buildTools, workOnBuild } from './one-build.ts';

/** What a build did. */
export interface BuildReport {
  /** Documents that this process looked at. */
  readonly counts: BuildCounts;
  /** Documents of the index when the build began, or was joined. */
  readonly documents: number;
  /** Whether every document was looked at, by this or another process; not when the build was ended early. */
  readonly isDone: boolean;
  /** What the server said of the first state that it would not take; absent when it took all. */
  readonly failure?: string | undefined;
}

/**
 * Stores the state of every document of an index, as it is when this is called. Any number of processes may do so at
 * once, and share the work; one that is ended at any moment and started again goes on where it was. What is there
 * already and fits is neither encoded nor written; what somebody changes meanwhile is left for the next build. States
 * in an index beside are removed when their documents are gone.
 *
 * @throws ConfigurationError for options that cannot be, and where no document has text in the fields. @throws FirstStageError when the server refuses.
 */
export async function buildStates(options: BuildOptions): Promise<BuildReport> {
  const { index, signal } = options;
  const tools = buildTools(options);
  const { cluster, store } = tools;
  const found = await documentIndices(cluster, index, { signal });
  if (found.length === 0) {
    throw new FirstStageError(`Cannot build states: "${index}" names no index.`, { adapter: cluster.server });
  }
  const names = found.map(({ name }) => name);
  await assertTexts(cluster, names, readText(options), { signal });
  const indices = await store.prepare(found, { signal });
  await tools.documents.prepare({ signal });
  let documents = 0;
  const tally = new Tally();
  for (let isWhole = false; !isWhole && !signal?.aborted; ) {
    const work = await workOnBuild(tools, { indices, isWhole: true }, tally);
    documents = work.documents;
    // A watcher's build that was going on is helped with first; it does not look at everything.
    isWhole = work.build?.isWhole ?? true;
  }
  const { counts, failure } = tally;
  return { counts, documents, isDone: signal?.aborted !== true, failure };
}
