/** The time that one search may take, and the caller's own wish to stop, as one signal. */
import { abortable, DeadlineExceededError, longestTimerMs, onAbort } from '../../engine/index.ts';

/** A phase of a search. */
export type Phase = 'first-stage' | 'states' | 'rerank' | 'second-search';

/** One search's time: first stage, the client's retries and reranking share it. */
export interface Budget {
  /** Aborts at the deadline with a {@link DeadlineExceededError}, or earlier with the caller's own reason. */
  readonly signal: AbortSignal;
  /** Time for all of it, in milliseconds; Infinity without a deadline. */
  readonly deadlineMs: number;
  /** Time that is left, in milliseconds: below 0 after the deadline, Infinity without one. */
  leftMs(): number;
  /** Marks the search's next phase; the deadline's error names the current one. */
  enter(phase: Phase): void;
  /**
   * Settles as the work does, or rejects with the signal's reason as soon as the signal aborts, even while the work
   * goes on.
   */
  within<T>(work: Promise<T>): Promise<T>;
  /** Throws the caller's own reason when the caller stopped the search. */
  throwIfAbandoned(): void;
  /** Frees the timer. */
  close(): void;
}

/** Starts the clock. Without a deadline (or with `Infinity`) only the caller's signal ends the search. */
export function openBudget(limits: {
  readonly deadlineMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly now: () => number;
}): Budget {
  const { deadlineMs = Number.POSITIVE_INFINITY, signal: caller, now } = limits;
  const started = now();
  const controller = new AbortController();
  let phase: Phase = 'first-stage';
  const expire = (): void =>
    controller.abort(new DeadlineExceededError({ deadlineMs, elapsedMs: now() - started, phase }));
  const forget = caller && onAbort(caller, () => controller.abort(caller.reason));
  if (deadlineMs <= 0 && !controller.signal.aborted) expire();
  const timer = deadlineMs > 0 && deadlineMs <= longestTimerMs ? setTimeout(expire, deadlineMs) : undefined;
  return {
    signal: controller.signal,
    deadlineMs,
    leftMs: () => deadlineMs - (now() - started),
    enter: (next) => {
      phase = next;
    },
    within: (work) => abortable(work, controller.signal),
    throwIfAbandoned: () => caller?.throwIfAborted(),
    close: () => {
      clearTimeout(timer);
      forget?.();
    },
  };
}
