/** Keeps block states fresh: builds them, and then looks again and again at what was written since. */
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
  type RoundReport,
  type RoundTools,
  type RoundWish,
  roundTools,
  runRound,
} from './round.ts';
import { namesGone, type Run } from './run.ts';

/** Options of {@link watchStates}. */
export interface WatchOptions extends BuildOptions, AwayListener {
  /** Ends the watch: after the batches in hand. Without, it never ends. */
  readonly signal?: AbortSignal | undefined;
  /** From the end of one round to the begin of the next, in milliseconds. @defaultValue 5000 */
  readonly intervalMs?: number | undefined;
  /** How often states whose documents are gone are looked for at most, in milliseconds. @defaultValue 300000 */
  readonly sweepEveryMs?: number | undefined;
  /** Told of every round. */
  readonly onRound?: ((round: WatchRound) => void) | undefined;
}

/** One round of a watch. */
export interface WatchRound {
  /** 1-based. */
  readonly round: number;
  /** Whether it looked at every document, as a build does. */
  readonly isWhole: boolean;
  /** Indices that the name stood for. */
  readonly indices: number;
  /** What became of the documents that this process looked at, also in attempts that the server ended by being away. */
  readonly counts: BuildCounts;
  /** How long it took, such attempts left out. */
  readonly seconds: number;
  /** What the server said of the first state that it would not take; absent when it took all. */
  readonly failure?: string | undefined;
}

/**
 * Does what a build does, and then looks at what was written since, round by round, until it is told to end. What was
 * looked at is remembered on the server, so that a watch that was ended at any moment goes on where it was. Any number
 * of processes may watch: they share the work of a round. A server that is away is waited for.
 *
 * @throws ConfigurationError for options that cannot be. @throws FirstStageError when the server refuses, or cannot be
 * reached from the start.
 */
export async function watchStates(options: WatchOptions): Promise<void> {
  const { signal, intervalMs = 5000, onRound } = options;
  const watch = new Watch({ ...options, calls: watchedCalls(options.calls, options) });
  let tally = new Tally();
  for (let round = 1; !signal?.aborted; ) {
    const start = performance.now();
    const report = await watch.tryRound(tally);
    if (report) {
      const { counts, failure } = tally;
      const { run, indices } = report;
      const seconds = (performance.now() - start) / 1000;
      onRound?.({ round, isWhole: run?.isWhole ?? false, indices, counts, seconds, failure });
      round += 1;
      tally = new Tally();
    }
    await pause(intervalMs, signal);
  }
}

interface WatchReport extends RoundReport {
  readonly indices: number;
}

class Watch {
  readonly #tools: RoundTools;
  readonly #orphans: OrphanWatch;
  /** Whether the server has told once what the name stands for. */
  #isBegun = false;

  constructor(options: WatchOptions) {
    this.#tools = roundTools(options);
    this.#orphans = new OrphanWatch(this.#tools, options.sweepEveryMs ?? 300_000);
  }

  /** @returns `undefined` when the round could not be done, and may be tried again. */
  async tryRound(tally: Tally): Promise<WatchReport | undefined> {
    try {
      return await this.#round(tally);
    } catch (error) {
      if (this.#tools.options.signal?.aborted) return undefined;
      // Between two of a round's calls an index may be deleted.
      const isGone = error instanceof FirstStageError && error.statusCode === 404;
      if (this.#isBegun && (isBusy(error) || isGone)) return undefined;
      throw error;
    }
  }

  async #round(tally: Tally): Promise<WatchReport> {
    const { store, documents, options } = this.#tools;
    const { signal } = options;
    const found = await this.#list();
    const indices = await store.prepare(found, { signal });
    await documents.prepare({ signal });
    const wish: RoundWish = {
      indices,
      isWhole: false,
      indicesToSweep: (run, spans) => this.#orphans.indicesToSweep(indices, run, spans.length > 0),
    };
    const report = await runRound(this.#tools, wish, tally);
    return { ...report, indices: indices.length };
  }

  /** Names that are not there are a mistake at first; later, the index may be made again. */
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

/** Knows when states may have lost their documents: a deletion leaves nothing that a search would find. */
class OrphanWatch {
  readonly #tools: RoundTools;
  readonly #everyMs: number;
  #comparedMs = 0;
  /** Whether something was written since it was known last that there are no orphans. */
  #isOpen = true;

  constructor(tools: RoundTools, everyMs: number) {
    this.#tools = tools;
    this.#everyMs = everyMs;
  }

  /**
   * Indices with more states than documents; `undefined` when there are none, or it is not yet time to know. Documents
   * that are new, and still without a state, hide as many orphans; those are found in a round without new documents.
   */
  async indicesToSweep(
    indices: readonly ConcreteIndex[],
    run: Run | undefined,
    hasMoved: boolean,
  ): Promise<readonly ConcreteIndex[] | undefined> {
    const { besideOf } = this.#tools.store;
    const hasGone = namesGone(run, indices).length > 0;
    this.#isOpen ||= hasMoved || hasGone;
    const now = Date.now();
    const isDue = now - Math.max(this.#comparedMs, run?.sweptMs ?? 0) >= this.#everyMs;
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
  // Whoever waits is told by the signal itself.
  await sleep(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
}
