/** What ranking gives: an order, and what is said of each candidate and of the whole list. */

/** The reranked order, best first: a permutation of the shortlist's indices 0..n-1. */
export interface Ranking {
  /** Every index of the shortlist exactly once, descending by score; equal scores keep shortlist order. */
  readonly candidates: readonly RankedCandidate[];
  /** What the ranking cost. */
  readonly usage: RankingUsage;
  /** The router's decision; absent where no router chose the reranker. */
  readonly routed?: Routed;
  /**
   * Probability that the list holds a relevant document, in [0, 1]; absent where the reranker has none. Score steps leave
   * it as it is.
   */
  readonly answerable?: number;
}

/** One candidate's entry in a ranking. */
export interface RankedCandidate {
  /** 0-based index in the shortlist. */
  readonly index: number;
  /** The model's number before normalisation; any finite number. */
  readonly logit: number;
  /** Softmax of the logits over the list, in [0, 1]; sums to 1 over the list. */
  readonly score: number;
  /**
   * Probability that the document is relevant, in [0, 1], which does not depend on the rest of the list; thresholds
   * compare this score. Absent when the reranker has none.
   */
  readonly calibratedScore?: number;
  /** What the query block looked at; present when the call asks for it. */
  readonly explanation?: Explanation;
  /**
   * `false`: the document was not read, since time ran out (`RerankOptions.readWithinMs`) or the page did not need
   * it ({@link RankingUsage.stoppedBy}). It keeps its rank of the shortlist, with a logit between those of the read ones
   * around it. @defaultValue true
   */
  readonly isRead?: false;
  /**
   * Index in the shortlist of the near-duplicate that was read in its place, and whose scores it has; absent where the
   * document stands for itself.
   */
  readonly duplicateOf?: number;
  /**
   * Whether the document was dropped: its logit and calibrated score are guesses, the logit below those of the
   * documents that were read with it. @defaultValue false
   */
  readonly isDropped?: true;
  /**
   * What the logit is made of, once a score step told it: added up in this order the parts are the logit exactly. Parts
   * that a later step has made untrue are left out.
   */
  readonly parts?: readonly ScorePart[];
  /** Why limits of the order protect the candidate; absent where they do not. */
  readonly protectedAs?: 'leader' | 'identifier';
  /** The field that the scores are of; absent where the document was scored as one text. */
  readonly field?: string;
  /** 0-based place of the value that won among the values of {@link field}; absent where the field is one text. */
  readonly fieldValue?: number;
}

/** What the query block looked at in one candidate. */
export interface Explanation {
  /** The candidate's attention mass, in [0, 1]; sums to 1 over the list. Absent with anchor states. */
  readonly mass?: number;
  /** Part of the mass on tokens that stand for no words of the text: special tokens, the prompt's own words. */
  readonly templateMass?: number;
  /**
   * The rest of the mass by span of the candidate's text (UTF-16 code units), descending by mass; with
   * {@link templateMass} it sums to {@link mass}. Empty with anchor states.
   */
  readonly spans: readonly ExplainedSpan[];
  /** Encoders: the anchor head's part of the logit: `q'·a_d / tau`. */
  readonly anchorLogit?: number;
  /** Encoders: the token head's part of the logit; absent with anchor states. */
  readonly tokenLogit?: number;
  /** Encoders with a trained list layer: its part of the logit. */
  readonly listLogit?: number;
  /** Encoders fitted to judgements: what is added since the document was relevant for similar queries. */
  readonly precedentLogit?: number;
  /** The judged query that says the most for the document; absent where it was relevant for none. */
  readonly precedent?: ExplainedPrecedent;
  /** Encoders: how much the query block took from this document while reading, in [0, 1]; sums to 1 over the list. */
  readonly readingWeight?: number;
}

/** A span of a candidate's text and the attention mass it got. */
export interface ExplainedSpan {
  /** First character, inclusive (UTF-16 code units). */
  readonly start: number;
  /** Last character, exclusive. */
  readonly end: number;
  /** Share of the query's attention, in [0, 1]; over all candidates at most 1. */
  readonly mass: number;
}

/** A judged query that speaks for a document. */
export interface ExplainedPrecedent {
  /** Its name. */
  readonly queryId: string;
  /** Its anchor's cosine with that of the query that is asked. */
  readonly cosine: number;
}

/** A part of a candidate's logit. */
export interface ScorePart {
  /** What gave it: `ranking`, a signal's name, or the step that moved the candidate. */
  readonly name: string;
  /** How much it adds; any finite number. */
  readonly value: number;
}

/** What a ranking cost. */
export interface RankingUsage {
  /** Tokens read, query and documents. */
  readonly tokens: number;
  /** Tokens of query and documents that a cap cut away. */
  readonly truncatedTokens: number;
  /** Block states that were at hand. */
  readonly statesFound: number;
  /** Block states that had to be encoded. */
  readonly statesEncoded: number;
  /** Candidates that were read; absent where all of them were. */
  readonly read?: number;
  /** Why the others were not read; absent where all of them were. */
  readonly stoppedBy?: ReadingEnd;
  /** Documents that were dropped, with neither; absent where none are. */
  readonly statesDropped?: number;
  /** Tokens of dropped documents by the layers that they did not go through, less those by the layers that chose them; absent where none are dropped. */
  readonly layerTokensSaved?: number;
  /** How many of the states the search index had; absent where it was not asked. */
  readonly storedStates?: StoredStateCounts;
}

/** Why a list was not read whole: time ran out, or the rest would hardly have reached the page (the encoders' `stopping`). */
export type ReadingEnd = 'time' | 'page';

/** Outcomes of asking a search index for states; they sum to the number of candidates. */
export interface StoredStateCounts {
  /** States that were sound, and read. */
  readonly found: number;
  /** Candidates without a stored state. */
  readonly missing: number;
  /** States made from another text: the document was changed since. */
  readonly stale: number;
  /** States made by another encoder, or in a form that this reader does not take. */
  readonly foreign: number;
  /** States whose bytes are not those that were written. */
  readonly damaged: number;
}

/** A router's decision about one list. */
export interface Routed {
  /** Name of the reranker that ranked, as the router knows it. */
  readonly to: string;
  /** Why this one. */
  readonly reason: RoutingReason;
  /** Loss that it is expected to have for the query, in [0, 1]: 1 - nDCG@10. */
  readonly expectedLoss: number;
  /** What it cost on average when it was measured, in milliseconds. */
  readonly costMs: number;
  /** The query's cluster, 0-based; absent with reason `no-words`. */
  readonly cluster?: number;
}

/**
 * Why a router chose a reranker: `least-loss`: none on board is expected to rank the query better; `cost`: others are, and
 * not by as much as they cost more; `deadline`: those cost more than the call has time for; `not-ready`: the one it would
 * have chosen cannot answer now; `no-words`: the query has none that the embedder knows, so that means over all queries decided.
 */
export type RoutingReason = 'least-loss' | 'cost' | 'deadline' | 'not-ready' | 'no-words';
