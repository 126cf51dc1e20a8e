/** The contract of an adapter: it knows one search server, and nothing of models. */
import type {
  BlockRankError,
  Passage,
  Query,
  RankedCandidate,
  RankingUsage,
  Routed,
  Shortlist,
} from '../engine/index.ts';
import type { Highlight } from './highlight.ts';

export type { Highlight } from './highlight.ts';

/** Why a request came back in first-stage order. */
export type UnrerankedReason =
  | 'disabled' // the request or the index pattern did not opt in, or opted out
  | 'explicit-sort'
  | 'search-after'
  | 'scroll'
  | 'size-zero'
  | 'beyond-window' // the page starts at or after rankWindowSize
  | 'no-query-text'
  | 'no-hits'
  | 'no-document-text' // no hit has text in the fields that the model reads
  | 'language' // query or documents are in a language that the model does not read
  | 'unsupported-request'
  | 'first-stage-error' // the server refused what reranking needs: the adapter sent the user's own request
  | 'rerank-error'
  | 'deadline'
  | 'circuit-open'
  | 'aborted';

/** Something a server will refuse or cap; the message names the setting and what to do. */
export interface PlanWarning {
  /** Stable, for programs, e.g. `max-result-window`. */
  readonly code: string;
  /** What will happen and which setting changes it. */
  readonly message: string;
}

/** A page of hits. */
export interface Page {
  /** 0-based index of its first hit. */
  readonly from: number;
  /** Hits it holds at most. */
  readonly size: number;
}

/** What will be sent for one request, and what was asked. Made by {@link SearchReader.plan}; pure data. */
export interface Plan<Request> {
  /** What is sent: the user's own object when nothing is changed, else a changed copy. */
  readonly request: Request;
  /** The user's own request, untouched. */
  readonly original: Request;
  /** The page that was asked for, 0-based; `from + size` hits exist at most. */
  readonly page: Page;
  /** How many leading hits are reranked. */
  readonly rankWindowSize: number;
  /** What the model is asked; absent when `reason` is given. */
  readonly query?: Query;
  /** Why this request passes unreranked; absent when it is to be reranked. */
  readonly reason?: UnrerankedReason;
  /** Everything in the request that the server will refuse or cap. */
  readonly warnings: readonly PlanWarning[];
  /** Names of the fields whose text the model reads; absent where the documents have no fields. */
  readonly fields?: readonly string[];
  /** Whether it is about the hits of a second search; see {@link SearchReader.planSecondSearch}. @defaultValue false */
  readonly isSecondSearch?: true;
  /** How many of the leading hits a second search added: the last ones of the window. @defaultValue 0 */
  readonly addedHits?: number;
}

/** What a second search looks for. */
export interface SecondSearchCall {
  /** The query's anchor after reading; of length 1. */
  readonly vector: readonly number[];
  /** Hits that it finds at most. */
  readonly k: number;
  /** Field that holds anchors of documents as vectors. */
  readonly field: string;
}

/** Why a list that was to be searched for a second time was not, or lost what was found. */
export type SecondSearchReason =
  | 'unread' // no block state of the list was at hand
  | 'unknown-restriction' // what the request keeps out cannot be told from what it asks
  | 'collapse' // the request groups its hits, and hits of another search belong to no group
  | 'deadline'
  | 'error'; // the search server refused it, or the merged list could not be ranked

/** A response with the hits of a second search in it. */
export interface MergedSearch<Request, Response> {
  /** The plan that the merged response answers: its window holds the added hits. */
  readonly plan: Plan<Request>;
  /** The first response, with the added hits behind its window. */
  readonly response: Response;
  /** The second response with the added hits alone; merging it gives the same. */
  readonly added: Response;
  /** Hits that the second search found, added or known. */
  readonly found: number;
}

/** Options of {@link SearchReader.plan}. */
export interface PlanOptions {
  /** How many leading hits are reranked, at least 1. */
  readonly rankWindowSize: number;
  /** The question in words; needed when the request does not hold the question, or to ask the model another one. */
  readonly queryText?: string;
}

/** Where the time of one request went, in milliseconds. */
export interface Timings {
  /** The search server, as the client saw it. */
  readonly firstStageMs: number;
  /** Fetching block states that lie beside the documents; absent where none were fetched. */
  readonly statesMs?: number;
  /** The reranker, queueing included; 0 when the stage did not ask it. */
  readonly rerankMs: number;
  /** All of it. */
  readonly totalMs: number;
}

/** A ranked candidate after score steps, with where it came from. */
export interface RankedHit extends RankedCandidate {
  /** 1-based rank in the first stage's order; hits of a second search follow the window's last. */
  readonly firstStageRank: number;
  /** Its best sentences, in reading order; absent where nobody asked for them, and on hits of other pages. */
  readonly passages?: readonly Passage[];
  /** Whether a second search found it, and the first one did not. @defaultValue false */
  readonly fromSecondSearch?: true;
}

/** What came of a second search. */
export interface SecondSearchReport {
  /** Documents that the query's anchor had read. */
  readonly read: number;
  /** Hits that the second search found. */
  readonly found: number;
  /** Hits among them that the first search had not found; they were ranked together with its hits. */
  readonly added: number;
  /** Time of reading, searching, merging and ranking once more, in milliseconds. */
  readonly tookMs: number;
  /** Why there was none, or why the list is the first search's alone; absent when nothing was wrong. */
  readonly reason?: SecondSearchReason;
  /** What failed; absent when nothing did. */
  readonly error?: OutcomeFault;
}

/** What the stage decided for one response. */
export type Outcome =
  | {
      /** The hits come in a new order. */
      readonly reranked: true;
      /** Best first. A permutation of the shortlist, or a part of one when `topN` or `minScore` dropped hits. */
      readonly hits: readonly RankedHit[];
      /** Whether hits after the window follow the reranked ones (`false` once `topN` or `minScore` dropped any). */
      readonly keepsTail: boolean;
      /** Probability that the window holds a relevant document, in [0, 1]; absent where the reranker has none. */
      readonly answerable?: number;
      /** What the ranking cost. */
      readonly usage: RankingUsage;
      /** The router's decision; absent where no router chose the reranker. */
      readonly routed?: Routed;
      /** What came of a second search; absent where none was wanted. */
      readonly secondSearch?: SecondSearchReport;
      /** Whether the ranking came from the result cache. */
      readonly cached: boolean;
      /** Where the time went. */
      readonly timings: Timings;
      /** Warnings of the plan, of hits without text, and of texts that were cut. */
      readonly warnings: readonly PlanWarning[];
    }
  | {
      /** The hits come in first-stage order. */
      readonly reranked: false;
      /** Why the hits were not reranked. */
      readonly reason: UnrerankedReason;
      /** What failed; absent when nothing did. */
      readonly error?: BlockRankError;
      /** Where the time went. */
      readonly timings: Timings;
      /** Warnings of the plan, and of hits without text. */
      readonly warnings: readonly PlanWarning[];
    };

/** What failed, as a mark says it. */
export interface OutcomeFault {
  /** The error's stable code. */
  readonly code: string;
  /** The error's message. */
  readonly message: string;
}

/** The mark that {@link SearchReader.applyOutcome} leaves on a response, as its property `blockrank`. */
export interface OutcomeMark {
  /** Whether the hits are in reranked order. */
  readonly reranked: boolean;
  /** Why the hits are not reranked; absent when they are. */
  readonly reason?: UnrerankedReason;
  /** The error's `code` and message when an error was the reason. */
  readonly error?: OutcomeFault;
  /** How many hits were reranked. */
  readonly rankWindowSize?: number;
  /** How many of them were read; absent when all were. */
  readonly read?: number;
  /** Why the others were not: time ran out, or they would hardly have reached the page; absent when all were read. */
  readonly stoppedBy?: RankingUsage['stoppedBy'];
  /** Probability that one of them is relevant, in [0, 1]; absent where the reranker has none. */
  readonly answerable?: number;
  /** Whether the ranking came from the result cache. */
  readonly cached?: boolean;
  /** What the ranking cost. */
  readonly usage?: RankingUsage;
  /** Who ranked and why, where a router chose. */
  readonly routed?: Routed;
  /** What came of a second search; absent where none was wanted. */
  readonly secondSearch?: SecondSearchReport;
  /** Where the time went. */
  readonly timings: Timings;
  /** What the server refused or capped, and which hits had no text; absent when there is nothing to warn of. */
  readonly warnings?: readonly PlanWarning[];
}

/**
 * The mark that {@link SearchReader.applyOutcome} leaves on every hit of a reranked list, as its property `blockrank`;
 * hits after the window have no score from the model and carry 0.
 */
export interface HitMark {
  /** 1-based rank in the reranked order. */
  readonly rank: number;
  /** Softmax over the list, in [0, 1]. */
  readonly score: number;
  /** Probability of being relevant, in [0, 1], comparable between lists; absent when the reranker has none. */
  readonly calibratedScore?: number;
  /** `false`: the hit was not read ({@link OutcomeMark.stoppedBy}); it keeps the rank that the first stage gave it. @defaultValue true */
  readonly isRead?: false;
  /** `true`: the hit was read halfway and dropped, so that its scores are guesses, below those of all that was read on. @defaultValue false */
  readonly isDropped?: true;
  /** 1-based first-stage rank of the near-duplicate that was read in this hit's place; absent where the hit stands for itself. */
  readonly duplicateOf?: number;
  /**
   * What the hit was ordered by: added up in this order the parts are its score before normalisation. Absent where no
   * signal, variety or limit of the order is configured.
   */
  readonly parts?: RankedCandidate['parts'];
  /** Why the hit may not be pushed down: the first stage's clear leader, or a hit that holds an identifier of the query. */
  readonly protectedAs?: RankedCandidate['protectedAs'];
  /** The field that the scores are of; absent where the hit was scored as one text. */
  readonly field?: string;
  /** 0-based place of the value that won among the field's values; absent where the field is one text. */
  readonly fieldValue?: number;
  /** 1-based rank in the first stage's order; hits of a second search follow the window's last. */
  readonly firstStageRank: number;
  /** `true`: the first search did not find the hit, a second one did. @defaultValue false */
  readonly fromSecondSearch?: true;
  /** The first stage's score; absent when it gave none, and on hits of a second search. */
  readonly firstStageScore?: number;
  /** What the query block looked at; present when asked for. */
  readonly explanation?: RankedCandidate['explanation'];
  /** The explanation in the shape of the servers' `highlight`: fragments by field, the heaviest words in `<em>`. */
  readonly highlight?: Highlight;
  /**
   * Its best sentences in the shape of the servers' `highlight`: by field, in reading order, nothing marked. Present when
   * asked for; empty where no sentence was looked at, or its tokens were more than were left.
   */
  readonly passages?: Highlight;
}

/** Options of {@link Adapter.search}. */
export interface SearchOptions {
  /** Ends the search early. */
  readonly signal?: AbortSignal;
}

/** A shortlist with what it was read from. */
export interface FoundList<Request, Response> {
  /** What was sent. */
  readonly plan: Plan<Request>;
  /** What came back. */
  readonly response: Response;
  /** What {@link SearchReader.toShortlist} made of it. */
  readonly shortlist: Shortlist;
}

/**
 * Knows one search server's requests and answers, and sends nothing. `plan`, `refusedChanges`, `toShortlist` and
 * `applyOutcome` are pure: they never change what they are given, and frozen inputs are fine. All methods may run
 * concurrently. A reader throws; it never recovers.
 */
export interface SearchReader<Request, Response> {
  /** The server's name, for events and errors: `elasticsearch`, `opensearch`, `embedded`. */
  readonly name: string;
  /** Says what is sent and whether reranking applies. @throws ConfigurationError for options that cannot be. */
  plan(request: Request, options: PlanOptions): Plan<Request>;
  /**
   * Names the change of the plan that the server refused, when the refusal cost hits or the whole answer, and the
   * setting that would allow it; the caller then sends the user's own request. `undefined` when no refused change cost
   * anything.
   *
   * @param answer - The response, or the error that the call rejected with.
   */
  refusedChanges?(plan: Plan<Request>, answer: Response | Error): PlanWarning | undefined;
  /** Reads the window's candidates from a response, in its order. @throws FirstStageError when it is no search response. */
  toShortlist(plan: Plan<Request>, response: Response): Shortlist;
  /**
   * The shortlist with the block states that the server keeps beside its documents. Absent where states come with the
   * hits, and where the adapter asks for none. @throws FirstStageError for any failure of the server or the way to it.
   */
  addStates?(found: FoundList<Request, Response>, options?: SearchOptions): Promise<Shortlist>;
  /** The field that holds anchors of documents as vectors, by the adapter's own options; absent where they name none. */
  readonly vectorField?: string;
  /**
   * The plan of a second search, by a vector: it finds nothing that the request of `plan` keeps out, in the same
   * indices, and gives hits of the same form. Or why there can be none. Absent where the server cannot search by vectors.
   */
  planSecondSearch?(plan: Plan<Request>, wanted: SecondSearchCall): Plan<Request> | SecondSearchReason;
  /**
   * Puts the hits of a second search behind the window, without those that the response has already; aggregations, total
   * and everything else stay the response's. Present where {@link planSecondSearch} is. @throws FirstStageError when
   * `second` is no search response.
   */
  mergeSecondSearch?(
    plan: Plan<Request>,
    response: Response,
    second: Response,
  ): MergedSearch<Request, Response>;
  /** A new response: hits in the outcome's order (then the tail), cut to the page, marked with what happened. */
  applyOutcome(plan: Plan<Request>, response: Response, outcome: Outcome): Response;
}

/** Knows one search server, and asks it: a {@link SearchReader} with a client of its own. */
export interface Adapter<Request, Response> extends SearchReader<Request, Response> {
  /** Runs the plan's request. @throws FirstStageError for any failure of the server or the way to it. */
  search(plan: Plan<Request>, options?: SearchOptions): Promise<Response>;
  /**
   * Runs several plans in one round trip; for an item that the server refused the list holds a `FirstStageError`, which
   * is not thrown.
   */
  searchMany?(
    plans: readonly Plan<Request>[],
    options?: SearchOptions,
  ): Promise<readonly (Response | BlockRankError)[]>;
}
