/** A worker of a build: takes a slice, reads and builds it page by page, takes the next. */
import type { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { FirstStageError } from '../../../engine/index.ts';
import type { StoredDocuments } from '../../cluster/stored-documents.ts';
import { buildsIndex } from '../../stored-states/names.ts';
import { addCounts, type BuildCounts } from './counts.ts';
import { sweepPage } from './orphans.ts';
import { buildPage, type PageResult, type PageTools } from './page.ts';
import { type PageOptions, type ScannedPage, SliceScan } from './scan.ts';
import { finishBuild, readBuild, type SharedBuild, sliceId } from './shared-build.ts';
import { SliceLease, SliceTakenError, standingOf, type WorkerIdentity } from './slice-lease.ts';
import type { Slice } from './slices.ts';

/** The tools that the workers of one process share. */
export interface WorkerTools extends PageTools {
  /** The build that they work on. */
  readonly build: SharedBuild;
  /** The documents that keep the build. */
  readonly documents: StoredDocuments;
  /** Limits of a page. */
  readonly page: PageOptions | undefined;
  /** How long a worker without a slice waits until it looks again for what other processes did, in milliseconds. */
  readonly pollMs: number;
  /** Emits `left` when a worker of this process leaves a slice; those that wait look again at once. */
  readonly slices: EventEmitter<{ left: [] }>;
  /** Ends workers after the batch in hand. */
  readonly signal: AbortSignal;
  /** Called after every page. */
  readonly onPage: (counts: BuildCounts, failure: string | undefined) => void;
}

/**
 * Works until all slices are done, those of other workers included: when another worker dies, this one takes its slice
 * over.
 */
export async function workOnSlices(tools: WorkerTools, worker: WorkerIdentity, index: number): Promise<void> {
  while (!tools.signal.aborted) {
    const next = await claimNext(tools, worker, index);
    if (next === 'done') return;
    if (next === 'wait') await untilSliceLeft(tools);
    else await buildSlice(next, tools).finally(() => tools.slices.emit('left'));
  }
}

/** @throws the signal's reason when workers are ending. */
async function untilSliceLeft({ slices, pollMs, signal }: WorkerTools): Promise<void> {
  const left = new AbortController();
  const wake = (): void => left.abort();
  slices.once('left', wake);
  await sleep(pollMs, undefined, { signal: AbortSignal.any([signal, left.signal]) }).catch(() => undefined);
  slices.off('left', wake);
  signal.throwIfAborted();
}

/** @param index - 0-based number of the worker: each worker begins its search at another slice. */
async function claimNext(
  tools: WorkerTools,
  worker: WorkerIdentity,
  index: number,
): Promise<SliceLease | 'done' | 'wait'> {
  const { build: begun, documents, signal } = tools;
  const build = await readBuild(documents, begun.key, { signal });
  if (!build) throw recordGone(tools);
  // A new build begins only when this one is done.
  if (build.isDone || build.number !== begun.number) return 'done';
  const stored = await documents.getMany(
    build.slices.map((slice) => sliceId(build, slice)),
    { signal },
  );
  const standings = build.slices.map((slice, i) => standingOf(slice, stored[i], worker));
  if (standings.every(({ state }) => state === 'done')) {
    // When another process added slices meanwhile, the build is not done and there is more to claim.
    return (await finishBuild(documents, build, { signal })) ? 'done' : claimNext(tools, worker, index);
  }
  const first = index % build.slices.length;
  for (let i = 0; i < build.slices.length; i += 1) {
    const at = (first + i) % build.slices.length;
    const [slice, standing] = [build.slices[at]!, standings[at]!];
    if (standing.state !== 'free') continue;
    const lease = await SliceLease.claim(documents, { build, slice, standing }, worker, { signal });
    if (lease) return lease;
  }
  return 'wait';
}

function recordGone({ cluster }: WorkerTools): FirstStageError {
  return new FirstStageError(
    `Cannot go on building: what "${buildsIndex}" said of this build was deleted. Build again.`,
    { adapter: cluster.server },
  );
}

async function buildSlice(lease: SliceLease, tools: WorkerTools): Promise<void> {
  const scan = scanOf(lease.slice, tools);
  try {
    await buildPages(lease, scan, tools);
  } catch (error) {
    if (error instanceof SliceTakenError) return;
    // Without the release other workers would wait for the heartbeat to grow old. Its own error is dropped: the first
    // error is the one to tell.
    await lease.release().catch(() => undefined);
    if (!tools.signal.aborted) throw error;
  } finally {
    lease.close();
    await scan.close();
  }
}

/** A sweep compares states by their ids alone, so a page can hold many. */
const sweepPageDocuments = 500;

function scanOf(slice: Slice, { cluster, store, page }: WorkerTools): SliceScan {
  if (slice.of === 'documents') return new SliceScan(cluster, slice, { scanned: store.scanned, page });
  const range = { ...slice, index: store.besideOf?.(slice.index) ?? slice.index };
  return new SliceScan(cluster, range, { scanned: [], page: { ...page, documents: sweepPageDocuments } });
}

async function buildPages(lease: SliceLease, scan: SliceScan, tools: WorkerTools): Promise<void> {
  const { slice } = lease;
  let { after, counts } = lease.progress;
  while (after < slice.to) {
    if (tools.signal.aborted) return lease.release();
    const page = await scan.next(after);
    const result = page.documents.length > 0 ? await workOnPage(page, slice, tools) : undefined;
    after = page.after;
    if (!result) break;
    counts = addCounts(counts, result.counts);
    await lease.save({ after, counts });
    tools.onPage(result.counts, result.failure);
  }
  await lease.save({ after: slice.to, counts }, { isDone: true });
}

function workOnPage(
  { documents }: ScannedPage,
  { of, index }: Slice,
  tools: WorkerTools,
): Promise<PageResult> {
  return of === 'documents'
    ? buildPage(documents, tools, tools.signal)
    : sweepPage(documents, index, tools, tools);
}
