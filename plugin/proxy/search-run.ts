/** One search on its way through the proxy: what it goes with, and what it has come to so far. */
import type { Plan, UnrerankedReason } from '../../adapters/adapter.ts';
import type { FirstStageError } from '../../engine/index.ts';
import type { RescoringStage, StageWish } from '../stage/index.ts';
import type { Answered } from './ask.ts';
import type { Exchange, Forwarding, ReadBody } from './forward.ts';
import type { ProxyAdapter, WireAnswer, WireSearch } from './proxy-adapter.ts';
import type { SearchRequest } from './search-request.ts';
import type { Slots } from './slots.ts';

/** What reranking needs. */
export interface Reranking {
  /** Reads and writes searches. */
  readonly adapter: ProxyAdapter;
  /** Reranks; runs over `adapter`. */
  readonly stage: RescoringStage<WireSearch, WireAnswer>;
  /** Indices whose searches are reranked without asking; `*` stands for any characters. */
  readonly indices: readonly string[];
  /** Whether a failure of reranking leaves the first stage's order, instead of an error. */
  readonly isFailOpen: boolean;
  /** Bytes that a search's body may have; a larger one passes untouched. */
  readonly maxSearchBytes: number;
  /** Bytes that an answer may have to be reranked; a larger one passes untouched. */
  readonly maxAnswerBytes: number;
  /** How many searches may be reranked at once. */
  readonly slots: Slots;
}

/** Where searches go, how they are reranked, and who is told when something unforeseen fails. */
export interface SearchParts extends Reranking {
  /** Where searches go. */
  readonly forwarding: Forwarding;
  /** Told of failures that no event of the stage tells. */
  readonly onFault: (error: unknown) => void;
}

/** A search that was read, all of it. */
export interface ReceivedSearch {
  /** The caller's request, and where its answer goes. */
  readonly exchange: Exchange;
  /** The request's body, as it came. */
  readonly read: ReadBody;
  /** What it asks for. */
  readonly search: SearchRequest;
}

/** One search on its way. */
export interface SearchRun extends ReceivedSearch {
  /** Which of its searches are to be reranked, by their indices. */
  readonly wanted: readonly boolean[];
  /** What the request asks of the stage. */
  readonly wish: StageWish;
  /** Aborted once nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** When it began, in milliseconds. */
  readonly startedMs: number;
  /** What the stage planned, one plan a search that was understood. */
  plans: readonly Plan<WireSearch>[];
  /** Why the request is to pass as it is: the stage has nothing to do with any of its searches. */
  passes?: UnrerankedReason | undefined;
  /** Gives the slots back that the request has. */
  leave: () => void;
  /** The cluster's answer being waited for; goes on when the stage has given up. */
  sending?: Promise<WireAnswer>;
  /** The cluster's answer; of several searches of which some were asked again, the first. */
  answered?: Answered;
  /** What that answer is when it cannot be reranked: an error, or no JSON. */
  refusal?: FirstStageError | undefined;
  /** Whether something else was sent than came in. */
  isChanged: boolean;
  /** Whether some of several searches are asked again as they came, since what was changed in them was refused. */
  isAgain: boolean;
  /** Gives back what the search holds, and ends what is still being waited for. */
  close(): void;
}

/** Begins the way of a search that is to be reranked. */
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
