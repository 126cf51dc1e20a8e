/** Rerankers tried one after another. */

import { abortable } from '../abortable.ts';
import type { Ranking, Reranker, RerankerInfo, RerankOptions, Shortlist } from '../contract.ts';
import { DeadlineExceededError, QueryError } from '../errors.ts';
import { checkOptionNames, type OptionNames } from '../option-names.ts';
import { wrapped } from './wrapped.ts';

/** Somebody was asked and failed; who comes next is asked now. */
export interface FailoverEvent {
  /** Name of the reranker that failed. */
  readonly from: string;
  /** Name of the one that is asked instead. */
  readonly to: string;
  /** What failed. */
  readonly error: unknown;
}

/** Options of {@link failoverReranker}. */
export interface FailoverOptions {
  /** Who is asked, in this order; at least one. */
  readonly rerankers: readonly Reranker[];
  /** Told when the next one is asked. @defaultValue nobody */
  readonly onFailover?: ((event: FailoverEvent) => void) | undefined;
}

const optionNames: OptionNames<FailoverOptions> = {
  rerankers: true,
  onFailover: true,
};

/**
 * Asks the first reranker, and the next one whenever one fails or has used up its share of the time: half of what is
 * left, so that the next one has as much. What no other would do better is not passed on: the caller gave up, or the
 * query holds no words. Everything but ranking is the first one's: `info` (but it is ready while any of them is), counting,
 * preparing, anchors, embedder; closing closes all.
 *
 * @throws RangeError without a reranker. @throws ConfigurationError for an option that there is not.
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

/** A share shorter than this says nothing about a reranker: no breaker hears of it. */
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
  const timer = setTimeout(end, Math.min(shareMs, 2 ** 31 - 1));
  const signal = options.signal ? AbortSignal.any([options.signal, share.signal]) : share.signal;
  try {
    // A reranker that does not obey is not waited for.
    const ranking = reranker.rerank(shortlist, { ...options, signal, deadlineMs: shareMs });
    return await abortable(ranking, signal);
  } finally {
    clearTimeout(timer);
  }
}

function remaining<Options extends { readonly deadlineMs?: number }>(
  options: Options,
  started: number,
): Options {
  const { deadlineMs } = options;
  return deadlineMs === undefined
    ? options
    : { ...options, deadlineMs: deadlineMs - (performance.now() - started) };
}
