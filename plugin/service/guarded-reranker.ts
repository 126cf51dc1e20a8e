/** A reranker behind a circuit breaker, counted. */
import { BrokenCircuitError } from 'cockatiel';
import { BlockRankError, type Reranker, wrapped } from '../../engine/index.ts';
import { type BreakerOptions, breakerGuard, unguarded } from '../guard/breaker.ts';
import { breakerLevel, type ServiceMetrics } from './metrics.ts';

/** Options of {@link guardedReranker}. */
export interface GuardOptions {
  /** The guarded reranker; closed with the guard. */
  readonly reranker: Reranker;
  /** The breaker; `false`: none. */
  readonly breaker: BreakerOptions | false;
  /** The model's name, for metrics. */
  readonly model: string;
  /** Metrics that count the calls. */
  readonly metrics: Pick<ServiceMetrics, 'rerankerCalls' | 'breaker'>;
}

/**
 * A reranker behind a breaker. It rejects with cockatiel's `BrokenCircuitError` while the breaker is open, so that a
 * chain asks the next member at once.
 */
export function guardedReranker({ reranker, breaker, model, metrics }: GuardOptions): Reranker {
  const labels = { model, reranker: reranker.info.name };
  metrics.breaker.set(labels, breakerLevel('closed'));
  const guard = breaker
    ? breakerGuard(breaker, {
        onBreakerState: (state) => metrics.breaker.set(labels, breakerLevel(state)),
        now: () => performance.now(),
      })
    : unguarded;
  const never = new AbortController().signal;
  return wrapped(reranker, {
    async rerank(shortlist, options = {}) {
      try {
        const ranking = await guard.run(options.signal ?? never, () => reranker.rerank(shortlist, options));
        metrics.rerankerCalls.inc({ ...labels, outcome: 'ok' });
        return ranking;
      } catch (error) {
        metrics.rerankerCalls.inc({ ...labels, outcome: outcomeOf(error, options.signal) });
        throw error;
      }
    },
  });
}

function outcomeOf(error: unknown, signal: AbortSignal | undefined): string {
  if (signal?.aborted) return 'aborted';
  if (error instanceof BlockRankError) return error.code;
  return error instanceof BrokenCircuitError ? 'circuit-open' : 'other';
}
