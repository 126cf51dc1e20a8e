/**
 * What the engine, the adapters and the stage say to each other. It holds the contract alone:
 * types that belong to one part live with that part.
 */

/** What was asked. */
export interface Query {
  /** The words of the question, as the user wrote them. */
  readonly text: string;
  /** Joins a query to its relevance judgements; absent outside evaluation. */
  readonly queryId?: string;
}

/** Where one field of a document lies inside a candidate's text. */
export interface TextSegment {
  /** The field's name, as the search server knows it. */
  readonly field: string;
  /** First character, inclusive (UTF-16 code units of {@link Candidate.text}). */
  readonly start: number;
  /** Last character, exclusive. */
  readonly end: number;
  /** Where the segment starts inside the field's own value, in UTF-16 code units. @defaultValue 0 */
  readonly fieldStart?: number;
}

/** A document on the shortlist. */
export interface Candidate {
  /** The document's id. Two candidates of one shortlist may share it (several indices); positions tell them apart. */
  readonly docId: string;
  /** What the model reads: title and body, joined by the adapter. May be empty. */
  readonly text: string;
  /** Which field each part of the text came from, ascending and disjoint. */
  readonly segments: readonly TextSegment[];
  /** The first stage's score; absent when it gave none. Any finite or non-finite number is accepted. */
  readonly firstStageScore?: number;
  /** The block state that the search index keeps for this document; absent when it keeps none. */
  readonly storedState?: StoredState;
  /** Fields that the model does not read, by name; absent where no field was asked for. */
  readonly signals?: CandidateSignals;
}

/**
 * What a document's field says beside its text: a price, a date, a category, a point on the map. A number is a number; a date, a
 * keyword and a geo point ("latitude,longitude") are the server's text; a boolean is 1 or 0; several values are a list of
 * texts, numbers written out; `null`: the document has none.
 */
export type SignalValue = number | string | readonly string[] | null;

/** A candidate's signals: every field that was asked for, by its dotted path. */
export type CandidateSignals = Readonly<Record<string, SignalValue>>;

/** A vector that a search index keeps for a document: the anchor of a text of one block. */
export interface StoredVector {
  /** The vector; of any length above 0, it is scaled to 1. */
  readonly values: readonly number[];
  /** {@link StateKey.encodingDigest} of who made it; absent where nobody says so, and then the vector is trusted. */
  readonly encodingDigest?: string;
  /** {@link StateKey.textDigest} of the text that it was made from; absent where nobody says so, and then it is trusted. */
  readonly textDigest?: string;
}

/** A block state as a search index keeps it: bytes that `encodeState` wrote, or a vector. */
export type StoredState = Uint8Array | StoredVector;

/** How the first stage found its candidates; fusion is on by default for `lexical` ones. */
export type FirstStage = 'lexical' | 'vector' | 'hybrid' | 'unknown';

/** The first stage's ordered candidates for one query, best first. */
export interface Shortlist {
  /** What was asked. */
  readonly query: Query;
  /** The candidates in first-stage order. */
  readonly candidates: readonly Candidate[];
  /** How they were found. */
  readonly firstStage: FirstStage;
  /** Positions of candidates that keep their ranks (pinned or fixed hits), ascending; rerankers may ignore it. @defaultValue `[]` */
  readonly pinned?: readonly number[];
  /** Whether the index was asked for block states: then candidates without one are counted. @defaultValue false */
  readonly asksStates?: boolean;
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
  /** Encoders: how much the query block took from this document while reading, in [0, 1]; sums to 1 over the list. */
  readonly readingWeight?: number;
}

/** One candidate's entry in a ranking. */
export interface RankedCandidate {
  /** 0-based position in the shortlist. */
  readonly index: number;
  /** What the model computed, before normalisation; any finite number. */
  readonly logit: number;
  /** Softmax of the logits over the list, in [0, 1]; sums to 1 over the list. */
  readonly score: number;
  /** A score in [0, 1] that does not depend on the rest of the list; what thresholds compare. Absent when the reranker has none. */
  readonly calibratedScore?: number;
  /** What the query block looked at; present when asked for. */
  readonly explanation?: Explanation;
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
  /** What the search index had of them; absent where it was not asked. */
  readonly storedStates?: StoredStateCounts;
}

/** What came of the states that a search index was asked for; they sum to the candidates. */
export interface StoredStateCounts {
  /** Sound, and read. */
  readonly found: number;
  /** Not there. */
  readonly missing: number;
  /** Made from another text: the document was changed since. */
  readonly stale: number;
  /** Made by another encoder, or in a form that is not read here. */
  readonly foreign: number;
  /** Not what was written. */
  readonly damaged: number;
}

/** The reranked order, best first: a permutation of the shortlist's positions 0..n-1. */
export interface Ranking {
  /** Every position of the shortlist exactly once, descending by score; equal scores keep shortlist order. */
  readonly candidates: readonly RankedCandidate[];
  /** What it cost. */
  readonly usage: RankingUsage;
}

/** Whether documents are read in the light of the query (`in-context`) or on their own (`cacheable`). */
export type Profile = 'in-context' | 'cacheable';

/** What a reranker is. */
export interface RerankerInfo {
  /** A name for logs and reports. */
  readonly name: string;
  /** Changes whenever a document's block state would: weights, template, caps, compute precision. */
  readonly encodingDigest: string;
  /** Changes whenever a ranking would with the same states: the readout and its parameters. */
  readonly readoutDigest: string;
  /** How documents are read. */
  readonly profile: Profile;
  /** Which of ONNX Runtime's execution providers runs; `none` when nothing is computed here. */
  readonly executionProvider: string;
  /** Languages the model reads, ISO 639-1. */
  readonly languages: readonly string[];
  /** Share of a lexical first stage in the fused order that the model was tuned with, in [0, 1]. @defaultValue 0.2 */
  readonly fusionWeight?: number;
  /** Whether a request that comes now finds everything loaded. Turns false while every worker has died and none could be opened anew. */
  readonly ready: boolean;
}

/** Options of one call of {@link Reranker.rerank}. */
export interface RerankOptions {
  /** Ends the call early: it rejects with the signal's reason, and what was finished is kept for later calls. */
  readonly signal?: AbortSignal;
  /** Whether every candidate gets an explanation. @defaultValue false */
  readonly explain?: boolean;
  /** Time that is left, in milliseconds, for services that are asked on the way; `signal` is what ends the call. @defaultValue unknown */
  readonly deadlineMs?: number;
  /** Whose request it is: block states that one tenant's request left are not found by another's. @defaultValue nobody's */
  readonly tenant?: string;
}

/** A document to be encoded ahead. */
export interface PreparableDocument {
  /** The document's id, for the answer alone: states are found by text. */
  readonly docId: string;
  /** What the model reads: exactly the text that requests will hold. */
  readonly text: string;
}

/** What {@link Reranker.prepare} did. */
export interface Preparation {
  /** Documents whose state was at hand. */
  readonly statesFound: number;
  /** Documents that were encoded. */
  readonly statesEncoded: number;
  /** Ids of documents that a cap cut, in the order given. */
  readonly truncated: readonly string[];
}

/**
 * Orders a shortlist. Safe to call concurrently; abortable; never sees a server.
 *
 * An empty shortlist gives an empty ranking; one candidate scores 1. The same call twice gives the same
 * answer to the last bit. After {@link Reranker.close} every call rejects with a `TypeError`.
 */
export interface Reranker {
  /** What this reranker is. */
  readonly info: RerankerInfo;
  /** Vectors of texts from the model's own token embeddings, without running the model; absent where there is no model here. */
  readonly embedder?: Embedder;
  /** Ranks every candidate of the shortlist. @throws InferenceError when the runtime fails. */
  rerank(shortlist: Shortlist, options?: RerankOptions): Promise<Ranking>;
  /**
   * One vector a candidate, in shortlist order, as the model reads the document without the query: its anchor, or the mean
   * direction of the anchors of several blocks. Rows have length 1; where anchors cancel each other, the row is zero.
   * States that {@link rerank} left behind are found again. Absent where documents have no anchors.
   *
   * @throws InferenceError when the runtime fails.
   */
  anchors?(shortlist: Shortlist, options?: Pick<RerankOptions, 'signal' | 'tenant'>): Promise<Embeddings>;
  /** Tokens that {@link rerank} would read before caps cut any away, without reading them; absent where nobody can tell. */
  countTokens?(shortlist: Shortlist, options?: { readonly signal?: AbortSignal }): Promise<number>;
  /**
   * Encodes documents ahead of any query and keeps their block states, so that requests with the same texts find them,
   * whatever ids they come with. Resolves once they are kept. Absent in the `in-context` profile, which keeps none.
   *
   * @throws InferenceError when the runtime fails; documents that were finished are kept.
   */
  prepare?(
    documents: readonly PreparableDocument[],
    options?: Pick<RerankOptions, 'signal' | 'tenant'>,
  ): Promise<Preparation>;
  /** Ends calls in flight and frees workers, sessions and files. Closing twice does nothing. */
  close(): Promise<void>;
}

/** Vectors of texts, row-major. */
export interface Embeddings {
  /** Values a row. */
  readonly width: number;
  /** One row a text, shape `[texts, width]`. */
  readonly rows: Float32Array;
}

/** Gives texts vectors whose products say how near the texts are. Safe to call concurrently. */
export interface Embedder {
  /**
   * One row a text, in their order; a text without words gets a row of zeros. The same text always gets the same row.
   *
   * @param options - `signal` ends the call with its reason.
   */
  embed(texts: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<Embeddings>;
}

/** What a score step may look at beside the ranking and the shortlist. Nothing of it is computed before it is asked for. */
export interface StepContext {
  /** Aborts when nobody waits for the ranking any more; an asynchronous step hands it on. */
  readonly signal: AbortSignal;
  /** Each candidate's signals, in shortlist order; `{}` for a candidate without any. */
  readonly signals: readonly CandidateSignals[];
  /** See {@link Reranker.embedder}; absent where the reranker has none. */
  readonly embedder?: Embedder;
  /** {@link Reranker.anchors} of this shortlist; absent where the reranker has none. Asked for twice it is computed once. */
  readonly anchors?: () => Promise<Embeddings>;
}

/**
 * Changes a ranking by what the shortlist and the context say. It works on logits: order and scores are made from them
 * again after each step. Every candidate that comes in must go out exactly once, with a finite logit. What it is given it
 * leaves as it is.
 */
export type ScoreStep = (
  ranking: Ranking,
  shortlist: Shortlist,
  context: StepContext,
) => Ranking | Promise<Ranking>;

/** What a document block leaves behind for the query block. All vectors are L2-normalised rows, row-major float32. */
export interface BlockState {
  /** Values a vector. */
  readonly width: number;
  /** Tokens of each of the document's blocks; one entry a block, at least one. */
  readonly blockTokens: readonly number[];
  /** One vector a block (its first token's), shape `[blocks, width]`. */
  readonly anchors: Float32Array;
  /** One vector a token, blocks one after another, shape `[tokens, width]`; absent in tier `anchor`. */
  readonly tokens?: Float32Array;
  /** Tokens that a cap cut away. */
  readonly truncatedTokens: number;
}

/** Names a block state: the model and template that made it, the text it was made from, and whose it is. */
export interface StateKey {
  /** {@link RerankerInfo.encodingDigest} of the encoder. */
  readonly encodingDigest: string;
  /** SHA-256 of the document's text, hexadecimal. */
  readonly textDigest: string;
  /** Whose it is, any text; states of different tenants are never found for each other. @defaultValue nobody's */
  readonly tenant?: string;
}

/** Keeps block states by key. Safe to call concurrently; a state that it cannot keep is dropped without an error. */
export interface StateSource {
  /** The states at hand, in the order of the keys; `undefined` where there is none. */
  getMany(keys: readonly StateKey[]): Promise<readonly (BlockState | undefined)[]>;
  /** Keeps states; a later entry of the same key replaces an earlier one. */
  putMany(entries: readonly (readonly [StateKey, BlockState])[]): Promise<void>;
  /** Frees what the source holds. Closing twice does nothing; afterwards the other calls reject with a `TypeError`. */
  close(): Promise<void>;
}
