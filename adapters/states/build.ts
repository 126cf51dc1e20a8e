/** Builds block states where the documents are. */

import { FirstStageError, type StateMaker } from '../../engine/index.ts';
import type { DocumentTextOptions } from '../document-text.ts';
import { workOnSlices } from './build-worker.ts';
import { addCounts, type BuildCounts, noCounts, toCounts } from './counts.ts';
import { encodingOf, runsIndex } from './names.ts';
import { Pace } from './pace.ts';
import { joinRun, type Run, runKey, sliceId } from './run.ts';
import type { PageOptions } from './scan.ts';
import { concreteIndices, shardSpans } from './shards.ts';
import type { WorkerIdentity } from './slice-lease.ts';
import { type StoredDocuments, storedDocuments } from './stored-documents.ts';
import { type StateTargetOptions, stateTarget } from './target.ts';

/** Options of {@link buildStates}. */
export interface BuildOptions extends StateTargetOptions, DocumentTextOptions {
  /** Makes states. */
  readonly maker: StateMaker;
  /** About how many slices are made; a shard is one at least. @defaultValue 16 */
  readonly slices?: number | undefined;
  /** Slices that this process works on at once. @defaultValue 2 */
  readonly workers?: number | undefined;
  /** Documents that this process encodes a second at most. @defaultValue Infinity */
  readonly documentsPerSecond?: number | undefined;
  /** How pages are cut. */
  readonly page?: PageOptions | undefined;
  /** Who this process is: one of a kind among all of them. */
  readonly owner: string;
  /** Whether the process of an owner is known to be dead. @defaultValue only a heartbeat older than a minute says so */
  readonly isDead?: ((owner: string) => boolean) | undefined;
  /** How often heartbeats are written and looked at, in milliseconds. */
  readonly heartbeat?: HeartbeatOptions | undefined;
  /** Told after every page, how many documents of how many have been looked at, by all workers of all machines so far as it is known. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Times of the slices' heartbeats, in milliseconds. */
export interface HeartbeatOptions {
  /** Between two heartbeats. @defaultValue 15000 */
  readonly everyMs?: number | undefined;
  /** Age at which its worker is taken for dead. @defaultValue 60000 */
  readonly deadAfterMs?: number | undefined;
  /** Between two looks of a worker that finds no slice. @defaultValue 2000 */
  readonly pollMs?: number | undefined;
}

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
 * already and fits is neither encoded nor written; what somebody changes meanwhile is left for the next build.
 *
 * @throws ConfigurationError for options that cannot be. @throws FirstStageError when the server refuses.
 */
export async function buildStates(options: BuildOptions): Promise<BuildReport> {
  const { maker, index, signal, slices = 16, documentsPerSecond = Number.POSITIVE_INFINITY } = options;
  const { cluster, store } = stateTarget(options, options);
  const documents = storedDocuments(cluster, runsIndex);
  const found = await concreteIndices(cluster, index, { signal });
  if (found.length === 0) {
    throw new FirstStageError(`Cannot build states: "${index}" names no index.`, { adapter: cluster.server });
  }
  const indices = await store.prepare(found, { signal });
  await documents.prepare({ signal });
  const spans = await shardSpans(cluster, indices, { signal });
  const run = await joinRun(documents, keyOf(options), { spans, slices, signal });
  const total = spans.reduce((sum, span) => sum + span.documents, 0);
  const before = await seenBefore(documents, run);
  let counts = noCounts;
  let failure: string | undefined;
  const tools = {
    cluster,
    store,
    maker,
    documents,
    run,
    pace: new Pace(documentsPerSecond),
    page: options.page,
    pollMs: options.heartbeat?.pollMs ?? 2000,
    onPage(page: BuildCounts, fault: string | undefined) {
      counts = addCounts(counts, page);
      failure ??= fault;
      options.onProgress?.(Math.min(total, before + counts.seen), total);
    },
  };
  await runWorkers(options, (worker, place, ending) =>
    workOnSlices({ ...tools, signal: ending }, worker, place),
  );
  return { counts, documents: total, isDone: signal?.aborted !== true, failure };
}

/** Runs workers side by side; when one fails, the others end after the batch in hand, and the first error is thrown. */
async function runWorkers(
  { workers = 2, owner, isDead = () => false, heartbeat = {}, signal }: BuildOptions,
  work: (worker: WorkerIdentity, place: number, ending: AbortSignal) => Promise<void>,
): Promise<void> {
  const { everyMs = 15_000, deadAfterMs = 60_000 } = heartbeat;
  const failing = new AbortController();
  const ending = signal ? AbortSignal.any([signal, failing.signal]) : failing.signal;
  const errors: unknown[] = [];
  const places = Array.from({ length: workers }, (_, place) => place);
  await Promise.all(
    places.map(async (place) => {
      const identity = { isDead, now: Date.now, heartbeatMs: everyMs, deadAfterMs };
      try {
        await work({ ...identity, owner: `${owner}/${place}` }, place, ending);
      } catch (error) {
        // Waits end with the signal's reason when it is time to end.
        if (!ending.aborted) errors.push(error);
        failing.abort(error);
      }
    }),
  );
  if (errors.length > 0) throw errors[0];
}

function keyOf({ index, place, maker, fields, separator, template }: BuildOptions): string {
  return runKey({ index, place, encoding: encodingOf(maker), fields, separator, template });
}

async function seenBefore(documents: StoredDocuments, run: Run): Promise<number> {
  const stored = await documents.getMany(run.slices.map((slice) => sliceId(run, slice)));
  return stored.reduce((sum, slice) => sum + toCounts(slice?.content['counts']).seen, 0);
}
