/** The reranker as the stage uses it: behind a circuit breaker, answers checked, score steps applied. */
import { BrokenCircuitError } from 'cockatiel';
import type { UnrerankedReason } from '../../adapters/adapter.ts';
import {
  abortable,
  BlockRankError,
  DeadlineExceededError,
  type DuplicateOptions,
  fieldsReranker,
  foldedReranker,
  InferenceError,
  QueryError,
  type Ranking,
  type Reranker,
  type ScoreStep,
  type Shortlist,
  steppedReranker,
  wrapped,
} from '../../engine/index.ts';
import { assertRead } from '../guard/assert-read.ts';
import { type BreakerOptions, type BreakerState, breakerGuard, unguarded } from '../guard/breaker.ts';
import { checkedRanking } from '../guard/check-ranking.ts';
import { sharedCalls } from '../guard/shared-calls.ts';

/** One call for a ranking. */
export interface RankCall {
  /** Names the list; identical calls in flight share one. */
  readonly key: string;
  /** The shortlist to rank. */
  readonly shortlist: Shortlist;
  /** Whether candidates get explanations. */
  readonly explain: boolean;
  /** Ends the caller's wait. */
  readonly signal: AbortSignal;
  /** See {@link RerankOptions.readWithinMs}; absent: the list is read whole. */
  readonly readWithinMs?: number | undefined;
}

/** Ranks shortlists; a rejection says why not. */
export interface Ranker {
  /** The breaker's state; `closed` when there is none. */
  readonly breakerState: BreakerState;
  /** The ranking after score steps, checked. Rejects with the error of the part that failed. */
  rank(call: RankCall): Promise<Ranking>;
  /** Ends calls in flight; their callers get a {@link StageClosedError}. */
  close(): void;
}

/** Thrown when the stage is closed while a call is in flight. */
export class StageClosedError extends BlockRankError {
  /** The class, for programs that cannot use `instanceof`. */
  override name = 'StageClosedError' as const;

  constructor() {
    super(
      'stage-closed',
      'The rescoring stage was closed while this list was being reranked: close it after the last search.',
    );
  }
}

const never = new AbortController().signal;

/** Opens the guarded reranker. */
export function guardedRanker(parts: {
  readonly reranker: Reranker;
  readonly scoreSteps: readonly ScoreStep[];
  readonly breaker: BreakerOptions | false;
  readonly duplicates: DuplicateOptions | false;
  /** Steps after near-duplicates have their places again, so that they see every hit. */
  readonly orderSteps: readonly ScoreStep[];
  readonly onBreakerState: (state: BreakerState) => void;
  readonly now: () => number;
}): Ranker {
  const { reranker, scoreSteps, duplicates, orderSteps } = parts;
  const guard = parts.breaker === false ? unguarded : breakerGuard(parts.breaker, parts);
  const calls = sharedCalls<Ranking>();
  const guarded = wrapped(reranker, {
    rerank: (shortlist, options = {}) => {
      const { signal = never } = options;
      return guard.run(signal, async () => {
        const answer = await abortable(reranker.rerank(shortlist, options), signal);
        return checkedRanking(answer, shortlist.candidates.length, reranker.info);
      });
    },
  });
  // A score step's fault is not the reranker's, so the breaker does not count it.
  const stepped = steppedReranker(fieldsReranker(guarded), scoreSteps);
  const whole = steppedReranker(duplicates ? foldedReranker(stepped, duplicates) : stepped, orderSteps);
  const rank = async (call: RankCall, signal: AbortSignal): Promise<Ranking> => {
    const { shortlist, explain, readWithinMs } = call;
    const started = parts.now();
    const time = readWithinMs === undefined ? {} : { readWithinMs };
    const ranking = await whole.rerank(shortlist, { signal, explain, ...time });
    assertRead(ranking, { readWithinMs, elapsedMs: parts.now() - started });
    return ranking;
  };
  return {
    get breakerState() {
      return guard.state();
    },
    rank: (call) =>
      calls.join(`${call.explain ? 'explained' : 'plain'} ${call.key}`, call.signal, (signal) =>
        rank(call, signal),
      ),
    close: () => calls.abortAll(new StageClosedError()),
  };
}

/** The reason why a list stays in first-stage order, by the error of its ranking. */
export function reasonOf(error: unknown): UnrerankedReason {
  if (error instanceof DeadlineExceededError) return 'deadline';
  if (error instanceof QueryError) return 'no-query-text';
  if (error instanceof BrokenCircuitError) return 'circuit-open';
  if (error instanceof StageClosedError) return 'aborted';
  return 'rerank-error';
}

/** The error for the response's mark: always a {@link BlockRankError}, whatever the reranker threw. */
export function toBlockRankError(error: unknown, reranker: Reranker): BlockRankError {
  if (error instanceof BlockRankError) return error;
  const { name, executionProvider } = reranker.info;
  const message =
    error instanceof BrokenCircuitError
      ? `The reranker "${name}" failed too often in a row and is left alone for a while: see the stage's failure events for the causes.`
      : `Cannot rerank with "${name}": ${error instanceof Error ? error.message : String(error)}`;
  return new InferenceError(message, { executionProvider }, { cause: error });
}
