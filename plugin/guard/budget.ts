/** The time that one search may take, and the caller's own wish to stop, as one signal. */
import { abortable, DeadlineExceededError, onAbort } from '../../engine/index.ts';

/** What a search is busy with. */
export type Phase = 'first-stage' | 'states' | 'rerank';

/** One search's time: first stage, the client's retries and reranking share it. */
export interface Budget {
  /** Aborts at the deadline with a {@link DeadlineExceededError}, or earlier with the caller's own reason. */
  readonly signal: AbortSignal;
  /** Says what the search is busy with from now on; the deadline's error names it. */
  enter(phase: Phase): void;
  /** The work's own result, or the signal's reason as soon as it aborts, whatever the work goes on to do. */
  within<T>(work: Promise<T>): Promise<T>;
  /** Rejects with the caller's own reason when it was the caller who stopped. */
  throwIfAbandoned(): void;
  /** Frees the timer. */
  close(): void;
}

/** Longest wait that Node's timers know; a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

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
  const timer = deadlineMs > 0 && deadlineMs <= maxTimerMs ? setTimeout(expire, deadlineMs) : undefined;
  return {
    signal: controller.signal,
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
