/** The state of one search on its way through the proxy. */
import type { Plan, UnrerankedReason } from '../../adapters/adapter.ts';
import type { FirstStageError } from '../../engine/index.ts';
import type { RescoringStage, StageWish } from '../stage/index.ts';
import type { Answered } from './ask.ts';
import type { Exchange, Forwarding, ReadBody } from './forward.ts';
import type { ProxyAdapter, WireAnswer, WireSearch } from './proxy-adapter.ts';
import type { SearchRequest } from './search-request.ts';
import type { Slots } from './slots.ts';

/** The parts that reranking needs. */
export interface Reranking {
  /** Reads and writes searches. */
  readonly adapter: ProxyAdapter;
  /** The stage that reranks; runs over `adapter`. */
  readonly stage: RescoringStage<WireSearch, WireAnswer>;
  /** Indices whose searches are reranked by default; `*` stands for any characters. */
  readonly indices: readonly string[];
  /** Whether a failure of reranking leaves the first stage's order, instead of an error. */
  readonly isFailOpen: boolean;
  /** Bytes that a search's body may have; a larger one passes untouched. */
  readonly maxSearchBytes: number;
  /** Bytes that an answer may have to be reranked; a larger one passes untouched. */
  readonly maxAnswerBytes: number;
  /** The slots of searches that are reranked at once. */
  readonly slots: Slots;
}

/** The parts that answering a search needs: the cluster, reranking, and a listener to unforeseen failures. */
export interface SearchParts extends Reranking {
  /** The cluster that gets the searches. */
  readonly forwarding: Forwarding;
  /** Called with failures that no event of the stage tells. */
  readonly onFault: (error: unknown) => void;
}

/** A search that was received and read whole. */
export interface ReceivedSearch {
  /** The caller's request, and where its answer goes. */
  readonly exchange: Exchange;
  /** The request's body, as it came. */
  readonly read: ReadBody;
  /** The search that it asks for. */
  readonly search: SearchRequest;
}

/** One search on its way. */
export interface SearchRun extends ReceivedSearch {
  /** Which of its searches are to be reranked, by their indices. */
  readonly wanted: readonly boolean[];
  /** The request's own options for the stage. */
  readonly wish: StageWish;
  /** Aborts once no caller waits for the answer. */
  readonly signal: AbortSignal;
  /** Time at which the run began, in milliseconds. */
  readonly startedMs: number;
  /** The stage's plans, one for each search. */
  plans: readonly Plan<WireSearch>[];
  /** Why the request passes untouched: the stage reranks none of its searches. */
  passes?: UnrerankedReason | undefined;
  /** Gives the request's slots back. */
  leave: () => void;
  /** The pending answer of the cluster; still awaited after the stage has given up. */
  sending?: Promise<WireAnswer>;
  /** The cluster's answer; the first one, when some searches were sent again. */
  answered?: Answered;
  /** The error for an answer that cannot be reranked: an error of the cluster, or no JSON. */
  refusal?: FirstStageError | undefined;
  /** Whether the proxy sent another request than the caller's. */
  isChanged: boolean;
  /** Whether some of several searches are sent again unchanged, because the cluster refused our changes. */
  isAgain: boolean;
  /** Gives the slots back, and ends everything that is still pending. */
  close(): void;
}

/** Opens the run of a search that is to be reranked. */
export function openRun(
  received: ReceivedSearch,
  { wanted, wish }: Pick<SearchRun, 'wanted' | 'wish'>,
): SearchRun {
  const gone = new AbortController();
  const abandon = (): void => gone.abort(new Error('The caller is gone.'));
  received.exchange.response.once('close', abandon);
  const run: SearchRun = {
    ...received,
    wanted,
    wish,
    signal: gone.signal,
    startedMs: performance.now(),
    plans: [],
    leave: () => {},
    isChanged: false,
    isAgain: false,
    close() {
      run.leave();
      abandon();
    },
  };
  return run;
}
