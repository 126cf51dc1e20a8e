/** This process's part of one build: the process joins the build, or begins it, and works until all slices are done. */
import { EventEmitter } from 'node:events';
import type { StateMaker } from '../../../engine/index.ts';
import type { ConcreteIndex } from '../../cluster/contract.ts';
import { countDocuments } from '../../cluster/indices.ts';
import type { Cluster } from '../../cluster/patient-calls.ts';
import { type ShardSpan, shardSpans } from '../../cluster/shards.ts';
import { type StoredDocuments, storedDocuments } from '../../cluster/stored-documents.ts';
import type { DocumentTextOptions } from '../../document-text.ts';
import { buildsIndex, encodingOf } from '../../stored-states/names.ts';
import type { StateStore } from '../place/contract.ts';
import { type StateTargetOptions, stateTarget } from '../place/target.ts';
import { type BuildCounts, type Tally, toCounts } from './counts.ts';
import { Pace } from './pace.ts';
import type { PageOptions } from './scan.ts';
import {
  buildKey,
  joinBuild,
  lookedAt,
  namesGone,
  type SharedBuild,
  type Survey,
  sliceId,
} from './shared-build.ts';
import type { WorkerIdentity } from './slice-lease.ts';
import { workOnSlices } from './worker.ts';

/** Options that building and watching share. */
export interface BuildOptions extends StateTargetOptions, DocumentTextOptions {
  /** Makes states. */
  readonly maker: StateMaker;
  /** About how many slices a build is cut into; every shard is at least one slice. @defaultValue 16 */
  readonly slices?: number | undefined;
  /** Slices that this process works on at once. @defaultValue 2 */
  readonly workers?: number | undefined;
  /** Documents that this process encodes a second at most. @defaultValue Infinity */
  readonly documentsPerSecond?: number | undefined;
  /** Limits of a page. */
  readonly page?: PageOptions | undefined;
  /** Names this process, uniquely among all processes. */
  readonly owner: string;
  /**
   * Whether the process of an owner is known to be dead. @defaultValue an owner counts as dead when its heartbeat is
   * older than a minute
   */
  readonly isDead?: ((owner: string) => boolean) | undefined;
  /** How often workers write and check heartbeats. */
  readonly heartbeat?: HeartbeatOptions | undefined;
  /**
   * Called after every page with the number of documents that all workers of all machines have looked at, as far as
   * this process knows, and the number of all documents.
   */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Times of the slices' heartbeats, in milliseconds. */
export interface HeartbeatOptions {
  /** Between two heartbeats. @defaultValue 15000 */
  readonly everyMs?: number | undefined;
  /** Age of a heartbeat at which its worker counts as dead. @defaultValue 60000 */
  readonly deadAfterMs?: number | undefined;
  /** Between two looks for a slice of a worker that found none. @defaultValue 2000 */
  readonly pollMs?: number | undefined;
}

/** The tools that all builds of one process share. */
export interface BuildTools {
  /** The options. */
  readonly options: BuildOptions;
  /** The server. */
  readonly cluster: Cluster;
  /** The store of states. */
  readonly store: StateStore;
  /** The documents in which builds are remembered. */
  readonly documents: StoredDocuments;
  /** Names the states that are built, and their place. */
  readonly key: string;
  /** Limits the rate of all builds together. */
  readonly pace: Pace;
}

/** The build that a process wants. */
export interface BuildWish {
  /** The indices, prepared. */
  readonly indices: readonly ConcreteIndex[];
  /** Whether the build looks at every document, not only at those written since the last build. */
  readonly isWhole: boolean;
  /**
   * Chooses the indices whose states beside are compared with the documents, when a partial build begins.
   *
   * @defaultValue none
   */
  indicesToSweep?(
    found: SharedBuild | undefined,
    spans: readonly ShardSpan[],
  ): Promise<readonly ConcreteIndex[] | undefined>;
}

/** The report of a process on its part of a build. */
export interface WorkReport {
  /** The build that the process worked on; absent when there was nothing to look at. */
  readonly build?: SharedBuild | undefined;
  /** Documents of the indices; 0 when nothing needed the number. */
  readonly documents: number;
}

/** Opens the tools that builds share; sends nothing. @throws ConfigurationError for options that cannot be. */
export function buildTools(options: BuildOptions): BuildTools {
  const { index, place, maker, fields, separator, template } = options;
  const { cluster, store } = stateTarget(options, options);
  return {
    options,
    cluster,
    store,
    documents: storedDocuments(cluster, buildsIndex),
    key: buildKey({ index, place, encoding: encodingOf(maker), fields, separator, template }),
    pace: new Pace(options.documentsPerSecond ?? Number.POSITIVE_INFINITY),
  };
}

/**
 * Joins the build that is going on, or begins one, and works on it.
 *
 * @param tally - Gets the outcomes of the documents that this process looked at, also when the build fails.
 * @throws FirstStageError when the server refuses.
 */
export async function workOnBuild(tools: BuildTools, wish: BuildWish, tally: Tally): Promise<WorkReport> {
  const { options, documents, key } = tools;
  const { signal, slices = 16, onProgress } = options;
  const build = await joinBuild(documents, key, {
    isWhole: wish.isWhole,
    slices,
    signal,
    survey: (found, build) => surveyIndices(tools, wish, { found, ...build }),
  });
  if (!build || build.isDone) return { build, documents: 0 };
  const names = wish.indices.map(({ name }) => name);
  // Counts after the survey's refresh, so that the newest documents count too.
  const total = wish.isWhole || onProgress ? await countDocuments(tools.cluster, names, { signal }) : 0;
  let seen = onProgress ? await seenBefore(documents, build) : 0;
  const shared = {
    ...tools,
    maker: options.maker,
    build,
    // A later build over new writes would meet the same refusal: only a whole build fails because of it.
    isStrict: build.isWhole,
    page: options.page,
    pollMs: options.heartbeat?.pollMs ?? 2000,
    slices: new EventEmitter<{ left: [] }>(),
    onPage(page: BuildCounts, fault: string | undefined) {
      tally.add(page, fault);
      seen += page.seen;
      onProgress?.(Math.min(total, seen), total);
    },
  };
  await runWorkers(options, (worker, index, ending) =>
    workOnSlices({ ...shared, signal: ending }, worker, index),
  );
  return { build, documents: total };
}

interface SurveyWish {
  readonly found: SharedBuild | undefined;
  readonly isNew: boolean;
  readonly isWhole: boolean;
}

async function surveyIndices(
  { cluster, store, options: { signal } }: BuildTools,
  { indices, indicesToSweep }: BuildWish,
  { found, isNew, isWhole }: SurveyWish,
): Promise<Survey> {
  const from = isNew && isWhole ? undefined : lookedAt(found);
  const spans = await shardSpans(cluster, indices, from, { signal });
  if (!isNew || !store.besideOf) return { indices, spans };
  const swept = isWhole ? indices : await indicesToSweep?.(found, spans);
  if (!swept) return { indices, spans };
  await dropGone(cluster, store, namesGone(found, indices), { signal });
  return { indices, spans, states: await spansBeside(cluster, store.besideOf, swept, { signal }) };
}

/** The spans of states in the indices beside, under the names of the documents' indices. */
async function spansBeside(
  cluster: Cluster,
  besideOf: (index: string) => string,
  indices: readonly ConcreteIndex[],
  options: { readonly signal: AbortSignal | undefined },
): Promise<readonly ShardSpan[]> {
  const beside = indices.map((index) => ({ ...index, name: besideOf(index.name) }));
  const spans = await shardSpans(cluster, beside, undefined, options);
  return spans.map((span) => ({ ...span, index: indices[beside.indexOf(span.index)]! }));
}

/** Drops the states of deleted indices; an index that only left an alias keeps its states. */
async function dropGone(
  cluster: Cluster,
  store: StateStore,
  names: readonly string[],
  options: { readonly signal: AbortSignal | undefined },
): Promise<void> {
  for (const name of names) {
    const request = { method: 'GET', path: `/${encodeURIComponent(name)}` } as const;
    const { status } = await cluster.ask(request, { what: `look for "${name}"`, allowed: [404], ...options });
    if (status === 404) await store.drop([name], options);
  }
}

/** Runs workers side by side; when one fails, the others end after the batch in hand, and the first error is thrown. */
async function runWorkers(
  { workers = 2, owner, isDead = () => false, heartbeat = {}, signal }: BuildOptions,
  work: (worker: WorkerIdentity, index: number, ending: AbortSignal) => Promise<void>,
): Promise<void> {
  const { everyMs = 15_000, deadAfterMs = 60_000 } = heartbeat;
  const failing = new AbortController();
  const ending = signal ? AbortSignal.any([signal, failing.signal]) : failing.signal;
  const errors: unknown[] = [];
  const indices = Array.from({ length: workers }, (_, index) => index);
  await Promise.all(
    indices.map(async (index) => {
      const identity = { isDead, now: Date.now, heartbeatMs: everyMs, deadAfterMs };
      try {
        await work({ ...identity, owner: `${owner}/${index}` }, index, ending);
      } catch (error) {
        // Once workers are ending, waits reject with the signal's reason, which is no error.
        if (!ending.aborted) errors.push(error);
        failing.abort(error);
      }
    }),
  );
  if (errors.length > 0) throw errors[0];
}

async function seenBefore(documents: StoredDocuments, build: SharedBuild): Promise<number> {
  const stored = await documents.getMany(build.slices.map((slice) => sliceId(build, slice)));
  return stored.reduce((sum, slice) => sum + toCounts(slice?.content['counts']).seen, 0);
}
