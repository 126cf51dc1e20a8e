/** A chain of rerankers that are tried one after another. */

import { abortable } from '../abortable.ts';
import type { Ranking, Reranker, RerankerInfo, RerankOptions, Shortlist } from '../contract.ts';
import { DeadlineExceededError, QueryError } from '../errors.ts';
import { longestTimerMs } from '../longest-timer.ts';
import { checkOptionNames, type OptionNames } from '../option-names.ts';
import { remaining } from './remaining-time.ts';
import { wrapped } from './wrapped.ts';

/** A reranker failed, and the chain asks the next one. */
export interface FailoverEvent {
  /** Name of the reranker that failed. */
  readonly from: string;
  /** Name of the next reranker. */
  readonly to: string;
  /** The error of the reranker that failed. */
  readonly error: unknown;
}

/** Options of {@link failoverReranker}. */
export interface FailoverOptions {
  /** The rerankers, in the order of asking; at least one. */
  readonly rerankers: readonly Reranker[];
  /** Called when the chain asks the next reranker. @defaultValue nothing is called */
  readonly onFailover?: ((event: FailoverEvent) => void) | undefined;
}

const optionNames: OptionNames<FailoverOptions> = {
  rerankers: true,
  onFailover: true,
};

/**
 * A reranker that asks the first of several, and the next one whenever a reranker fails or has used up its share of the
 * time: half of the remaining time, so that the next one has as much; with `readWithinMs`, it reads for half of that. It does not ask the next one where that would not
 * help: when the caller gave up, or the query holds no words. Everything but ranking is the first reranker's: `info`
 * (but the chain is ready while any member is), counting, preparing, anchors, embedder; closing closes all.
 *
 * @throws RangeError without a reranker. @throws ConfigurationError for an unknown option.
 */
export function failoverReranker(options: FailoverOptions): Reranker {
  checkOptionNames('Cannot make the failover reranker', options, optionNames);
  const { rerankers, onFailover } = options;
  const [first] = rerankers;
  if (!first) throw new RangeError('failoverReranker: expected at least one reranker, got none.');
  if (rerankers.length === 1) return first;
  let isClosed = false;
  return wrapped(first, {
    get info(): RerankerInfo {
      return { ...first.info, ready: rerankers.some(({ info }) => info.ready) };
    },
    async rerank(shortlist, options = {}) {
      if (isClosed) throw new TypeError('rerank: the reranker is closed.');
      const started = performance.now();
      for (const [at, reranker] of rerankers.entries()) {
        const next = rerankers[at + 1];
        const left = remaining(options, started);
        try {
          return await (next ? inItsShare(reranker, shortlist, left) : reranker.rerank(shortlist, left));
        } catch (error) {
          const isFinal = !next || options.signal?.aborted || error instanceof QueryError;
          if (isFinal) throw error;
          onFailover?.({ from: reranker.info.name, to: next.info.name, error });
        }
      }
      throw new TypeError('rerank: unreachable.');
    },
    async close() {
      isClosed = true;
      await Promise.all(rerankers.map((reranker) => reranker.close()));
    },
  });
}

/** Shortest share of the time whose loss counts against a reranker, in milliseconds; breakers ignore shorter ones. */
const leastFairShareMs = 50;

async function inItsShare(
  reranker: Reranker,
  shortlist: Shortlist,
  options: RerankOptions,
): Promise<Ranking> {
  const { deadlineMs } = options;
  if (deadlineMs === undefined) return reranker.rerank(shortlist, options);
  const shareMs = Math.max(0, deadlineMs / 2);
  const share = new AbortController();
  const end = (): void =>
    share.abort(
      shareMs < leastFairShareMs
        ? new DOMException('There was too little time for this reranker.', 'TimeoutError')
        : new DeadlineExceededError({ deadlineMs: shareMs, elapsedMs: shareMs, phase: 'rerank' }),
    );
  const timer = setTimeout(end, Math.min(shareMs, longestTimerMs));
  const signal = options.signal ? AbortSignal.any([options.signal, share.signal]) : share.signal;
  try {
    // The chain does not wait for a reranker that ignores its signal.
    const ranking = reranker.rerank(shortlist, {
      ...options,
      signal,
      deadlineMs: shareMs,
      // Reading ends before its share's end as it would end before the deadline.
      ...(options.readWithinMs !== undefined && { readWithinMs: Math.max(0, options.readWithinMs / 2) }),
    });
    return await abortable(ranking, signal);
  } finally {
    clearTimeout(timer);
  }
}
