/** The events of a stage. */
import type { PlanWarning, SecondSearchReport, Timings, UnrerankedReason } from '../../adapters/adapter.ts';
import type { BlockRankError, RankingUsage, Routed } from '../../engine/index.ts';
import type { BreakerState } from '../guard/breaker.ts';
import type { Phase } from '../guard/budget.ts';

/** The part that every event has. */
export interface StageEvent {
  /** {@link Adapter.name} of the stage's adapter. */
  readonly adapter: string;
  /** {@link RerankerInfo.name} of the stage's reranker. */
  readonly reranker: string;
}

/** A response was given back in reranked order. */
export interface RerankedEvent extends StageEvent {
  /** Candidates in the window. */
  readonly candidates: number;
  /** Candidates that `topN` and `minScore` dropped. */
  readonly dropped: number;
  /** Whether the ranking came from the ranking cache. */
  readonly cached: boolean;
  /** What the ranking cost. */
  readonly usage: RankingUsage;
  /** The router's decision; absent where no router chose the reranker. */
  readonly routed?: Routed;
  /** What came of a second search; absent where none was wanted. */
  readonly secondSearch?: SecondSearchReport;
  /** Where the time went. */
  readonly timings: Timings;
}

/** A response was given back in first-stage order. */
export interface UnrerankedEvent extends StageEvent {
  /** Why the response was not reranked. */
  readonly reason: UnrerankedReason;
  /** What failed; absent when nothing did. */
  readonly error?: BlockRankError;
  /** Whether an earlier page of the same list decided the order. */
  readonly remembered: boolean;
  /** Warnings that name what the server refused or capped, and the setting to change. */
  readonly warnings: readonly PlanWarning[];
  /** Where the time went. */
  readonly timings: Timings;
}

/** A failure; the failure policy decides whether the caller sees it. */
export interface FailureEvent extends StageEvent {
  /** The phase that failed. */
  readonly phase: Phase;
  /** The thrown error. */
  readonly error: unknown;
}

/** The circuit breaker changed its state. */
export interface BreakerEvent extends StageEvent {
  /** The new state. */
  readonly state: BreakerState;
}

/** The ranking cache was asked. */
export interface CacheEvent extends StageEvent {
  /** `hit`: the cache holds a ranking; `unranked`: an earlier page was in first-stage order, and so is this one. */
  readonly result: 'hit' | 'unranked' | 'miss';
}

/** Callbacks of a stage. They run at once, on the caller's thread: keep them short. What they throw becomes a process warning. */
export interface StageEvents {
  /** A response was given back in reranked order. */
  reranked?(event: RerankedEvent): void;
  /** A response was given back in first-stage order. */
  unreranked?(event: UnrerankedEvent): void;
  /** The first stage, the fetching of block states, the reranker, or the second search failed. */
  failure?(event: FailureEvent): void;
  /** The circuit breaker changed its state. */
  breaker?(event: BreakerEvent): void;
  /** The ranking cache was asked. */
  cache?(event: CacheEvent): void;
}

/** Parts of a search that a tracer sees. */
export type TracedPart = 'search' | 'first-stage' | 'states' | 'rerank' | 'second-search';

/** Values that a tracer keeps with a part. */
export type TraceAttributes = Readonly<Record<string, string | number | boolean>>;

/** Runs the parts of a search inside spans. */
export interface StageTracing {
  /** Runs one part; what it returns or throws passes through. `note` adds attributes while it runs. */
  trace<T>(
    part: TracedPart,
    attributes: TraceAttributes,
    run: (note: (attributes: TraceAttributes) => void) => Promise<T>,
  ): Promise<T>;
}

/** A tracing that does nothing. */
export const noTracing: StageTracing = { trace: (_part, _attributes, run) => run(() => {}) };

/**
 * One {@link StageEvents} that calls all listeners; a listener that throws does not keep the others from being called.
 */
export function toAll(listeners: readonly StageEvents[]): Required<StageEvents> {
  const tell = (name: string, call: (listener: StageEvents) => void): void => {
    for (const listener of listeners) {
      try {
        call(listener);
      } catch (error) {
        process.emitWarning(
          `A listener of the stage's event "${name}" threw: ${String(error)}`,
          'BlockRankWarning',
        );
      }
    }
  };
  return {
    reranked: (event) => tell('reranked', (listener) => listener.reranked?.(event)),
    unreranked: (event) => tell('unreranked', (listener) => listener.unreranked?.(event)),
    failure: (event) => tell('failure', (listener) => listener.failure?.(event)),
    breaker: (event) => tell('breaker', (listener) => listener.breaker?.(event)),
    cache: (event) => tell('cache', (listener) => listener.cache?.(event)),
  };
}
