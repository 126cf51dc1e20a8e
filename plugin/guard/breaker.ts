/** Leaves a reranker alone that failed too often in a row. */
import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhenResult } from 'cockatiel';
import { DeadlineExceededError, MemoryLimitError, QueryError, type Ranking } from '../../engine/index.ts';
import { breakerOptions } from '../options/stage-options.ts';

/** Options of the circuit breaker. */
export interface BreakerOptions {
  /** Failures in a row that open it, at least 1. @defaultValue 5 */
  readonly consecutiveFailures?: number | undefined;
  /** How long it stays open before one request may try again, in milliseconds. @defaultValue 5000 */
  readonly halfOpenAfterMs?: number | undefined;
}

/** Failures in a row that open the breaker by default. */
export const defaultConsecutiveFailures: number = breakerOptions.consecutiveFailures.default;
/** How long the breaker stays open by default, in milliseconds. */
export const defaultHalfOpenAfterMs: number = breakerOptions.halfOpenAfterMs.default;
/** A deadline counts against a reranker that had at least this share of it; else the first stage was too slow. */
const fairShare = 0.5;

/** Whether the reranker is asked: `open` means that it failed too often in a row and is left alone for a while. */
export type BreakerState = 'closed' | 'half-open' | 'open';

/** Runs calls of the reranker, or refuses to. */
export interface Guard {
  /** Runs one call; `signal` is what ends it early. Rejects with cockatiel's `BrokenCircuitError` while open. */
  run(signal: AbortSignal, call: () => Promise<Ranking>): Promise<Ranking>;
  /** Whether calls are let through. */
  state(): BreakerState;
}

/** Lets every call through. */
export const unguarded: Guard = { run: (_signal, call) => call(), state: () => 'closed' };

type Answer =
  | { readonly isFault: false; readonly ranking: Ranking }
  | { readonly isFault: boolean; readonly error: unknown };

/** A circuit breaker: wrong answers, errors and deadlines that the reranker had its share of count as failures. */
export function breakerGuard(
  options: BreakerOptions,
  watch: { readonly onBreakerState: (state: BreakerState) => void; readonly now: () => number },
): Guard {
  const { consecutiveFailures = defaultConsecutiveFailures, halfOpenAfterMs = defaultHalfOpenAfterMs } =
    options;
  const policy = circuitBreaker(
    handleWhenResult((answer) => (answer as Answer).isFault),
    { halfOpenAfter: halfOpenAfterMs, breaker: new ConsecutiveBreaker(consecutiveFailures) },
  );
  policy.onStateChange((state) => watch.onBreakerState(toBreakerState(state)));
  const answerOf = async (signal: AbortSignal, call: () => Promise<Ranking>): Promise<Answer> => {
    const started = watch.now();
    try {
      return { isFault: false, ranking: await call() };
    } catch (error) {
      const verdict = judge(error, signal, watch.now() - started);
      // A thrown error counts neither way, but cockatiel would close a half-open circuit on it: nothing was learned.
      if (verdict === 'unknown' && policy.state !== CircuitState.HalfOpen) throw error;
      return { isFault: verdict !== 'sound', error };
    }
  };
  return {
    async run(signal, call) {
      const answer = await policy.execute(() => answerOf(signal, call));
      if ('error' in answer) throw answer.error;
      return answer.ranking;
    },
    state: () => toBreakerState(policy.state),
  };
}

/** What an error says about the reranker. */
function judge(error: unknown, signal: AbortSignal, elapsedMs: number): 'sound' | 'fault' | 'unknown' {
  // The caller's query, the caller's list: another one may be ranked.
  if (error instanceof QueryError || error instanceof MemoryLimitError) return 'sound';
  if (!signal.aborted || error !== signal.reason) return 'fault';
  const hadItsShare = error instanceof DeadlineExceededError && elapsedMs >= fairShare * error.deadlineMs;
  return hadItsShare ? 'fault' : 'unknown';
}

function toBreakerState(state: CircuitState): BreakerState {
  switch (state) {
    case CircuitState.Closed:
      return 'closed';
    case CircuitState.HalfOpen:
      return 'half-open';
    case CircuitState.Open:
    case CircuitState.Isolated:
      return 'open';
    default:
      return state satisfies never;
  }
}
