/** A circuit breaker that leaves a reranker alone after too many failures in a row. */
import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhenResult } from 'cockatiel';
import { DeadlineExceededError, MemoryLimitError, QueryError, type Ranking } from '../../engine/index.ts';
import { breakerOptions } from '../options/stage-options.ts';

/** Options of the circuit breaker. */
export interface BreakerOptions {
  /** Failures in a row that open the breaker, at least 1. @defaultValue 5 */
  readonly consecutiveFailures?: number | undefined;
  /** How long the breaker stays open before one request may try again, in milliseconds. @defaultValue 5000 */
  readonly halfOpenAfterMs?: number | undefined;
}

/** Failures in a row that open the breaker by default. */
export const defaultConsecutiveFailures: number = breakerOptions.consecutiveFailures.default;
/** How long the breaker stays open by default, in milliseconds. */
export const defaultHalfOpenAfterMs: number = breakerOptions.halfOpenAfterMs.default;
/**
 * A missed deadline counts against a reranker that had at least this share of the time; otherwise the first stage was
 * too slow.
 */
const fairShare = 0.5;

/**
 * Whether calls reach the reranker: `open` means that the reranker failed too often in a row and gets no calls for a
 * while.
 */
export type BreakerState = 'closed' | 'half-open' | 'open';

/** Runs calls of the reranker, or refuses to. */
export interface Guard {
  /** Runs one call; `signal` ends the call early. Rejects with cockatiel's `BrokenCircuitError` while open. */
  run(signal: AbortSignal, call: () => Promise<Ranking>): Promise<Ranking>;
  /** The breaker's state: whether calls pass. */
  state(): BreakerState;
}

/** Lets every call through. */
export const unguarded: Guard = { run: (_signal, call) => call(), state: () => 'closed' };

type Answer =
  | { readonly isFault: false; readonly ranking: Ranking }
  | { readonly isFault: boolean; readonly error: unknown };

/**
 * A circuit breaker: wrong answers, errors, and missed deadlines of which the reranker had its share count as failures.
 */
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
      // A thrown error counts neither way, but cockatiel would close a half-open circuit on it: such an error says
      // nothing of the reranker.
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
  // Such an error concerns the caller's own query or list; the reranker may rank others.
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
