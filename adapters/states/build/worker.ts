/** A worker of a build: takes a slice, reads and builds it page by page, takes the next. */
import { setTimeout as sleep } from 'node:timers/promises';
import { FirstStageError } from '../../../engine/index.ts';
import type { StoredDocuments } from '../../cluster/stored-documents.ts';
import { runsIndex } from '../../stored-states/names.ts';
import { addCounts, type BuildCounts } from './counts.ts';
import { sweepPage } from './orphans.ts';
import { buildPage, type PageResult, type PageTools } from './page.ts';
import { finishRun, type Run, readRun, sliceId } from './run.ts';
import { type PageOptions, type ScannedPage, SliceScan } from './scan.ts';
import { SliceLease, SliceTakenError, standingOf, type WorkerIdentity } from './slice-lease.ts';
import type { Slice } from './slices.ts';

/** What workers of one process share. */
export interface WorkerTools extends PageTools {
  /** The build that they work on. */
  readonly run: Run;
  /** Where it is kept. */
  readonly documents: StoredDocuments;
  /** How pages are cut. */
  readonly page: PageOptions | undefined;
  /** How long a worker without a slice waits until it looks again, in milliseconds. */
  readonly pollMs: number;
  /** Ends workers after the batch in hand. */
  readonly signal: AbortSignal;
  /** Told of every page. */
  readonly onPage: (counts: BuildCounts, failure: string | undefined) => void;
}

/** Works until all slices are done, also those of others: when one of them dies, its slice is taken over. */
export async function workOnSlices(tools: WorkerTools, worker: WorkerIdentity, place: number): Promise<void> {
  while (!tools.signal.aborted) {
    const next = await claimNext(tools, worker, place);
    if (next === 'done') return;
    if (next === 'wait') await sleep(tools.pollMs, undefined, { signal: tools.signal });
    else await buildSlice(next, tools);
  }
}

/** @param place - 0-based number of the worker: each begins to look at another slice. */
async function claimNext(
  tools: WorkerTools,
  worker: WorkerIdentity,
  place: number,
): Promise<SliceLease | 'done' | 'wait'> {
  const { run: begun, documents, signal } = tools;
  const run = await readRun(documents, begun.key, { signal });
  if (!run) throw recordGone(tools);
  // Another build begins only when this one is done.
  if (run.isDone || run.number !== begun.number) return 'done';
  const stored = await documents.getMany(
    run.slices.map((slice) => sliceId(run, slice)),
    { signal },
  );
  const standings = run.slices.map((slice, i) => standingOf(slice, stored[i], worker));
  if (standings.every(({ state }) => state === 'done')) {
    // Not done when slices were added meanwhile: then there is more to claim.
    return (await finishRun(documents, run, { signal })) ? 'done' : claimNext(tools, worker, place);
  }
  const first = place % run.slices.length;
  for (let i = 0; i < run.slices.length; i += 1) {
    const at = (first + i) % run.slices.length;
    const [slice, standing] = [run.slices[at]!, standings[at]!];
    if (standing.state !== 'free') continue;
    const lease = await SliceLease.claim(documents, { run, slice, standing }, worker, { signal });
    if (lease) return lease;
  }
  return 'wait';
}

function recordGone({ cluster }: WorkerTools): FirstStageError {
  return new FirstStageError(
    `Cannot go on building: what "${runsIndex}" said of this build was deleted. Build again.`,
    { adapter: cluster.server },
  );
}

async function buildSlice(lease: SliceLease, tools: WorkerTools): Promise<void> {
  const scan = scanOf(lease.slice, tools);
  try {
    await buildPages(lease, scan, tools);
  } catch (error) {
    if (error instanceof SliceTakenError) return;
    // The first error is the one to tell; without this, others would wait for the heartbeat to grow old.
    await lease.release().catch(() => undefined);
    if (!tools.signal.aborted) throw error;
  } finally {
    lease.close();
    await scan.close();
  }
}

/** States are compared by their ids alone, so that a page holds many. */
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
