/** Builds the block states of an index, on the server that holds it. */
import { FirstStageError } from '../../../engine/index.ts';
import { documentIndices } from '../../stored-states/document-indices.ts';
import { readText } from '../place/read-text.ts';
import { assertTexts } from './assert-texts.ts';
import { type BuildCounts, Tally } from './counts.ts';
import { type BuildOptions, buildTools, workOnBuild } from './one-build.ts';

/** The report of a build. */
export interface BuildReport {
  /** Outcomes of the documents that this process looked at. */
  readonly counts: BuildCounts;
  /** Documents in the index when this process began or joined the build. */
  readonly documents: number;
  /** Whether this or another process looked at every document; `false` when the build was ended early. */
  readonly isDone: boolean;
  /** The server's words on the first state that it refused; absent when it refused none. */
  readonly failure?: string | undefined;
}

/**
 * Stores the state of every document of an index, as the documents are at the time of the call. Any number of processes
 * may call this at once, and share the work; a process that is ended at any moment and started again goes on where it
 * was. A stored state that fits is neither encoded nor written again; a document that somebody changes meanwhile waits
 * for the next build. The build removes states from the index beside when their documents are gone.
 *
 * @throws ConfigurationError for options that cannot be, and where no document has text in the fields.
 * @throws FirstStageError when the server refuses.
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
    // The process first helps with a watcher's build that is going on, and such a build may not look at every document.
    isWhole = work.build?.isWhole ?? true;
  }
  const { counts, failure } = tally;
  return { counts, documents, isDone: signal?.aborted !== true, failure };
}
