/** This process's part of one build: the process joins the build, or begins it, and works until all slices are done. */
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

/** What all builds of one process share. */
export interface BuildTools {
  /** The options. */
  readonly options: BuildOptions;
  /** The server. */
  readonly cluster: Cluster;
  /** The place of states. */
  readonly store: StateStore;
  /** Where builds are remembered. */
  readonly documents: StoredDocuments;
  /** Names what is built, and where. */
  readonly key: string;
  /** Keeps to the rate, over all builds. */
  readonly pace: Pace;
}

/** What a process wants built. */
export interface BuildWish {
  /** The indices, prepared. */
  readonly indices: readonly ConcreteIndex[];
  /** Whether every document is looked at, not only what was written since the last build. */
  readonly isWhole: boolean;
  /**
   * Of which indices the states beside are compared with the documents, when a build that is not whole begins.
   *
   * @defaultValue none
   */
  indicesToSweep?(
    found: SharedBuild | undefined,
    spans: readonly ShardSpan[],
  ): Promise<readonly ConcreteIndex[] | undefined>;
}

/** What a process did for a build. */
export interface WorkReport {
  /** The build that the process worked on; absent when there was nothing to look at. */
  readonly build?: SharedBuild | undefined;
  /** Documents of the indices; 0 when nobody wanted to know. */
  readonly documents: number;
}

/** Opens what builds share; nothing is sent. @throws ConfigurationError for options that cannot be. */
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
 * @param tally - Told of the documents that this process looked at, also when the build comes to no end.
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
  // After the refresh of the survey, so that the last documents are counted too.
  const total = wish.isWhole || onProgress ? await countDocuments(tools.cluster, names, { signal }) : 0;
  let seen = onProgress ? await seenBefore(documents, build) : 0;
  const shared = {
    ...tools,
    maker: options.maker,
    build,
    // What is refused once would be refused again: only a build over everything ends because of it.
    isStrict: build.isWhole,
    page: options.page,
    pollMs: options.heartbeat?.pollMs ?? 2000,
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

/** What the indices beside hold, under the names of the documents' own. */
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

/** An index that was deleted takes its states along; one that only left an alias keeps them. */
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
        // Waits end with the signal's reason when it is time to end.
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
