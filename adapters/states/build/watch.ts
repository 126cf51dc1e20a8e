/** Keeps block states fresh: builds them, and then looks again and again at new writes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { FirstStageError } from '../../../engine/index.ts';
import type { ConcreteIndex } from '../../cluster/contract.ts';
import { countDocuments } from '../../cluster/indices.ts';
import { isBusy } from '../../cluster/patience.ts';
import { type AwayListener, watchedCalls } from '../../cluster/watched-calls.ts';
import { documentIndices } from '../../stored-states/document-indices.ts';
import { type BuildCounts, Tally } from './counts.ts';
import {
  type BuildOptions,
  type BuildTools,
  type BuildWish,
  buildTools,
  type WorkReport,
  workOnBuild,
} from './one-build.ts';
import { namesGone, type SharedBuild } from './shared-build.ts';

/** Options of {@link watchStates}. */
export interface WatchOptions extends BuildOptions, AwayListener {
  /** Ends the watch after the batches in hand; without a signal the watch never ends. */
  readonly signal?: AbortSignal | undefined;
  /** From the end of one build to the start of the next, in milliseconds. @defaultValue 5000 */
  readonly intervalMs?: number | undefined;
  /** Least time between two searches for states whose documents are gone, in milliseconds. @defaultValue 300000 */
  readonly sweepEveryMs?: number | undefined;
  /** Called after every build. */
  readonly onBuild?: ((build: WatchedBuild) => void) | undefined;
}

/** One build of a watch. */
export interface WatchedBuild {
  /** Number of the build in this watch, 1-based. */
  readonly build: number;
  /** Whether the build looked at every document, as `buildStates` does. */
  readonly isWhole: boolean;
  /** Number of indices that the name stood for. */
  readonly indices: number;
  /**
   * Outcomes of the documents that this process looked at, including attempts that failed because the server was away.
   */
  readonly counts: BuildCounts;
  /** Duration of the build in seconds, without such attempts. */
  readonly seconds: number;
  /** The server's words on the first state that it refused; absent when it refused none. */
  readonly failure?: string | undefined;
}

/**
 * Builds the states of an index again and again until the signal aborts: the first build looks at every document, later
 * ones at new writes. The server remembers how far builds have come, so that a watch that was ended at any moment goes
 * on where it was. Any number of processes may watch: they share the slices of a build. The watch waits for a server
 * that is away.
 *
 * @throws ConfigurationError for options that cannot be. @throws FirstStageError when the server refuses, or cannot be
 * reached from the start.
 */
export async function watchStates(options: WatchOptions): Promise<void> {
  const { signal, intervalMs = 5000, onBuild } = options;
  const watch = new Watch({ ...options, calls: watchedCalls(options.calls, options) });
  let tally = new Tally();
  for (let number = 1; !signal?.aborted; ) {
    const start = performance.now();
    const report = await watch.tryBuild(tally);
    if (report) {
      const { counts, failure } = tally;
      const { build, indices } = report;
      const seconds = (performance.now() - start) / 1000;
      onBuild?.({ build: number, isWhole: build?.isWhole ?? false, indices, counts, seconds, failure });
      number += 1;
      tally = new Tally();
    }
    await pause(intervalMs, signal);
  }
}

interface WatchReport extends WorkReport {
  readonly indices: number;
}

class Watch {
  readonly #tools: BuildTools;
  readonly #orphans: OrphanWatch;
  /** Whether the server has resolved the name at least once. */
  #isBegun = false;

  constructor(options: WatchOptions) {
    this.#tools = buildTools(options);
    this.#orphans = new OrphanWatch(this.#tools, options.sweepEveryMs ?? 300_000);
  }

  /** @returns The report; `undefined` when the build failed and may be tried again. */
  async tryBuild(tally: Tally): Promise<WatchReport | undefined> {
    try {
      return await this.#build(tally);
    } catch (error) {
      if (this.#tools.options.signal?.aborted) return undefined;
      // Somebody may delete an index between two calls of a build.
      const isGone = error instanceof FirstStageError && error.statusCode === 404;
      if (this.#isBegun && (isBusy(error) || isGone)) return undefined;
      throw error;
    }
  }

  async #build(tally: Tally): Promise<WatchReport> {
    const { store, documents, options } = this.#tools;
    const { signal } = options;
    const found = await this.#list();
    const indices = await store.prepare(found, { signal });
    await documents.prepare({ signal });
    const wish: BuildWish = {
      indices,
      isWhole: false,
      indicesToSweep: (build, spans) => this.#orphans.indicesToSweep(indices, build, spans.length > 0),
    };
    const report = await workOnBuild(this.#tools, wish, tally);
    return { ...report, indices: indices.length };
  }

  /** At first a missing name is a mistake; later the index may be made again. */
  async #list(): Promise<readonly ConcreteIndex[]> {
    const { cluster, options } = this.#tools;
    const { index, signal } = options;
    const found = await documentIndices(cluster, index, { isOptional: this.#isBegun, signal });
    if (found.length === 0 && !this.#isBegun) {
      const message = `Cannot watch states: "${index}" names no index.`;
      throw new FirstStageError(message, { adapter: cluster.server });
    }
    this.#isBegun = true;
    return found;
  }
}

/** Tells when states may have lost their documents: a deletion leaves no trace that a search would find. */
class OrphanWatch {
  readonly #tools: BuildTools;
  readonly #everyMs: number;
  #comparedMs = 0;
  /** Whether anybody wrote to the indices since the watch last knew that there are no orphans. */
  #isOpen = true;

  constructor(tools: BuildTools, everyMs: number) {
    this.#tools = tools;
    this.#everyMs = everyMs;
  }

  /**
   * Indices with more states than documents; `undefined` when there are none, or the time to look has not come. New
   * documents, which still lack a state, hide as many orphans; a later build without new documents finds those.
   */
  async indicesToSweep(
    indices: readonly ConcreteIndex[],
    build: SharedBuild | undefined,
    hasMoved: boolean,
  ): Promise<readonly ConcreteIndex[] | undefined> {
    const { besideOf } = this.#tools.store;
    const hasGone = namesGone(build, indices).length > 0;
    this.#isOpen ||= hasMoved || hasGone;
    const now = Date.now();
    const isDue = now - Math.max(this.#comparedMs, build?.sweptMs ?? 0) >= this.#everyMs;
    if (!besideOf || !this.#isOpen || !isDue) return undefined;
    const found: ConcreteIndex[] = [];
    for (const index of indices) {
      const states = await this.#count(besideOf(index.name));
      if (states > 0 && states > (await this.#count(index.name))) found.push(index);
    }
    this.#comparedMs = now;
    this.#isOpen = hasMoved;
    return found.length > 0 || hasGone ? found : undefined;
  }

  async #count(index: string): Promise<number> {
    const { cluster, options } = this.#tools;
    const { signal } = options;
    const refresh = { method: 'POST', path: `/${encodeURIComponent(index)}/_refresh` } as const;
    await cluster.ask(refresh, { what: `refresh "${index}"`, allowed: [404], signal });
    return countDocuments(cluster, [index], { signal });
  }
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return;
  // The caller watches the signal itself.
  await sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
}
