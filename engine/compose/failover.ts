/** Rerankers tried one after another. */
import type { Reranker, RerankerInfo } from '../contract.ts';
import { QueryError } from '../errors.ts';

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

/**
 * Asks the first reranker, and the next one whenever one fails. What no other would do better is not passed on: the
 * caller gave up, or the query holds no words. Its `info` is the first one's, but it is ready while any of them is;
 * closing closes all.
 *
 * @throws RangeError without a reranker.
 */
export function failoverReranker({ rerankers, onFailover }: FailoverOptions): Reranker {
  const [first] = rerankers;
  if (!first) throw new RangeError('failoverReranker: expected at least one reranker, got none.');
  if (rerankers.length === 1) return first;
  let isClosed = false;
  return {
    get info(): RerankerInfo {
      return { ...first.info, ready: rerankers.some(({ info }) => info.ready) };
    },
    async rerank(shortlist, options = {}) {
      if (isClosed) throw new TypeError('rerank: the reranker is closed.');
      const started = performance.now();
      for (const [at, reranker] of rerankers.entries()) {
        const next = rerankers[at + 1];
        try {
          return await reranker.rerank(shortlist, remaining(options, started));
        } catch (error) {
          const isFinal = !next || options.signal?.aborted || error instanceof QueryError;
          if (isFinal) throw error;
          onFailover?.({ from: reranker.info.name, to: next.info.name, error });
        }
      }
      throw new TypeError('rerank: unreachable.');
    },
    ...(first.countTokens && { countTokens: first.countTokens.bind(first) }),
    async close() {
      isClosed = true;
      await Promise.all(rerankers.map((reranker) => reranker.close()));
    },
  };
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
