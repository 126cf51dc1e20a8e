/**
 * The contract between the engine, the adapters and the stage. Types that belong to one of them live with that part.
 */

/** A query. */
export interface Query {
  /** The words of the question, as the user wrote them. */
  readonly text: string;
  /**
   * What to look for, in words, instead of the model's own instruction; read by rerankers whose
   * {@link RerankerInfo.takesInstructions} says so, ignored by others. @defaultValue the model's
   */
  readonly instruction?: string;
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
  /** The document's id. Two candidates of one shortlist may share it (several indices); indices tell them apart. */
  readonly docId: string;
  /** The text that the model reads: title and body, joined by the adapter. May be empty. */
  readonly text: string;
  /** Which field each part of the text came from, ascending and disjoint. */
  readonly segments: readonly TextSegment[];
  /** The first stage's score; absent when it gave none. Any finite or non-finite number is accepted. */
  readonly firstStageScore?: number;
  /** The block state that the search index keeps for this document; absent when it keeps none. */
  readonly storedState?: StoredState;
  /** Fields that the model does not read, by name; absent where no field was asked for. */
  readonly signals?: CandidateSignals;
  /** Fields that are scored by themselves in place of {@link text}, by `fieldsReranker`; absent: the text is scored. */
  readonly fieldTexts?: readonly FieldText[];
}

/** A field of a document, or one value of a field, that is scored by itself. */
export interface FieldText {
  /** The field's name, as the search server knows it. */
  readonly field: string;
  /** 0-based place among the field's values; absent where the field is one text. */
  readonly value?: number;
  /** What the model reads; blank texts are left out. */
  readonly text: string;
  /** How often the text's mass counts, above 0. @defaultValue 1 */
  readonly weight?: number;
}

/**
 * The value of a document's field beside its text: a price, a date, a category, a point on the map. A number is a
 * number; a date, a keyword and a geo point ("latitude,longitude") are the server's text; a boolean is 1 or 0; several
 * values are a list of texts, numbers written out; `null`: the document has none.
 */
export type SignalValue = number | string | readonly string[] | null;

/** A candidate's signals: every field that was asked for, by its dotted path. */
export type CandidateSignals = Readonly<Record<string, SignalValue>>;

/** A vector that a search index keeps for a document: the anchor of a text of one block. */
export interface StoredVector {
  /** The vector; of any length above 0, it is scaled to 1. */
  readonly values: readonly number[];
  /** {@link StateKey.encodingDigest} of its encoder; absent where that is unknown, and then the vector is trusted. */
  readonly encodingDigest?: string;
  /**
   * {@link StateKey.textDigest} of the text that it was made from; absent where that is unknown, and then the vector is
   * trusted.
   */
  readonly textDigest?: string;
}

/** A block state as a search index keeps it: bytes that `encodeState` wrote, or a vector. */
export type StoredState = Uint8Array | StoredVector;

/** How the first stage found its candidates; fusion is on by default for `lexical` ones. */
export type FirstStage = 'lexical' | 'vector' | 'hybrid' | 'unknown';

/** The first stage's ordered candidates for one query, best first. */
export interface Shortlist {
  /** The query. */
  readonly query: Query;
  /** The candidates in first-stage order. */
  readonly candidates: readonly Candidate[];
  /** How the first stage found them. */
  readonly firstStage: FirstStage;
  /**
   * Indices of candidates that keep their ranks (pinned or fixed hits), ascending; rerankers may ignore it.
   * @defaultValue `[]`
   */
  readonly pinned?: readonly number[];
  /**
   * Whether the adapter asked the index for block states; then the usage counts candidates without one.
   * @defaultValue false
   */
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
  /** Encoders with a trained list layer: its part of the logit. */
  readonly listLogit?: number;
  /** Encoders fitted to judgements: what is added since the document was relevant for similar queries. */
  readonly precedentLogit?: number;
  /** The judged query that says the most for the document; absent where it was relevant for none. */
  readonly precedent?: ExplainedPrecedent;
  /** Encoders: how much the query block took from this document while reading, in [0, 1]; sums to 1 over the list. */
  readonly readingWeight?: number;
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
   * `false`: the document was not read, since time ran out ({@link RerankOptions.readWithinMs}) or the page did not need
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
   * Whether the document was dropped halfway: its logit and calibrated score are guesses, the logit below those of the
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

/** Why a list was not read whole: time ran out, or the rest would hardly have reached the page (the encoders' `stopping`). */
export type ReadingEnd = 'time' | 'page';

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
  /** Documents that were dropped halfway, with neither; absent where none are. */
  readonly statesDropped?: number;
  /** Tokens of dropped documents by the layers that they did not go through: their product's sum; absent where none are dropped. */
  readonly layerTokensSaved?: number;
  /** How many of the states the search index had; absent where it was not asked. */
  readonly storedStates?: StoredStateCounts;
}

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

/**
 * Why a router chose a reranker: `least-loss`: none on board is expected to rank the query better; `cost`: others are, and
 * not by as much as they cost more; `deadline`: those cost more than the call has time for; `not-ready`: the one it would
 * have chosen cannot answer now; `no-words`: the query has none that the embedder knows, so that means over all queries decided.
 */
export type RoutingReason = 'least-loss' | 'cost' | 'deadline' | 'not-ready' | 'no-words';

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

/** Whether documents are read in the light of the query (`in-context`) or on their own (`cacheable`). */
export type Profile = 'in-context' | 'cacheable';

/**
 * A rule that gives each list its fusion weight: half of `sigmoid(bias + sum of coefficient * feature)`, features by the
 * names of `fusionFeatures`.
 */
export interface PredictedFusionWeight {
  /** The sum's value where every feature is 0. */
  readonly bias: number;
  /** By feature; a feature that is not named does not count. */
  readonly coefficients: Readonly<Record<string, number>>;
}

/** The first stage's share of the fused order, in [0, 1]: one for every list, or a rule that gives each list its own. */
export type FusionWeight =
  | number
  | {
      /** The rule. */
      readonly predicted: PredictedFusionWeight;
    };

/** The description of a reranker. */
export interface RerankerInfo {
  /** A name for logs and reports. */
  readonly name: string;
  /** Digest of everything that a block state depends on: weights, template, caps, compute precision. */
  readonly encodingDigest: string;
  /** Digest of everything else that a ranking depends on: the readout and its parameters. */
  readonly readoutDigest: string;
  /** How documents are read. */
  readonly profile: Profile;
  /** Encoders: layers of the network that are computed. */
  readonly depth?: number;
  /** Encoders whose layers loop: how often the looped block is applied. */
  readonly loops?: number;
  /** Which of ONNX Runtime's execution providers runs; `none` when nothing is computed here. */
  readonly executionProvider: string;
  /** Languages the model reads, ISO 639-1. */
  readonly languages: readonly string[];
  /** Share of a lexical first stage in the fused order that the model was tuned with, in [0, 1]. @defaultValue 0.2 */
  readonly fusionWeight?: number;
  /** The rule that gives each list its share, in place of `fusionWeight`, which then is the default. @defaultValue none */
  readonly predictedFusionWeight?: PredictedFusionWeight;
  /** Whether {@link Query.instruction} is read. @defaultValue false */
  readonly takesInstructions?: boolean;
  /**
   * Whether a new request finds everything loaded. Turns false while every worker has died and none could be opened
   * anew.
   */
  readonly ready: boolean;
}

/** Options of one call of {@link Reranker.rerank}. */
export interface RerankOptions {
  /** Ends the call early: it rejects with the signal's reason, and finished states are kept for later calls. */
  readonly signal?: AbortSignal;
  /** Whether every candidate gets an explanation. @defaultValue false */
  readonly explain?: boolean;
  /**
   * Time that the call has left, in milliseconds, as a hint to remote services; only `signal` ends the call.
   * @defaultValue unknown
   */
  readonly deadlineMs?: number;
  /**
   * Time from the call on in which documents are read, in milliseconds; 0 or less: only what is at hand. An encoder then
   * answers, at most 50 ms late, with a ranking of all candidates in which those that it did not read are marked and keep
   * their ranks ({@link RankedCandidate.isRead}). It reads block states at hand first, then documents in shortlist order, and keeps the
   * states that are finished later. Such a ranking is not the same twice. Rerankers that read a list as a whole
   * (decoders, pairs, remote services) ignore this option. @defaultValue Infinity
   */
  readonly readWithinMs?: number;
  /**
   * The tenant of the request: block states of one tenant's request are not found by another tenant's.
   * @defaultValue none
   */
  readonly tenant?: string;
}

/** A document to be encoded ahead. */
export interface PreparableDocument {
  /** The document's id, for the answer alone: requests find states by text. */
  readonly docId: string;
  /** The text that the model reads: exactly the text of later requests. */
  readonly text: string;
}

/** What {@link Reranker.prepare} did. */
export interface Preparation {
  /** Documents whose state was at hand. */
  readonly statesFound: number;
  /** Documents that were encoded. */
  readonly statesEncoded: number;
  /** Ids of documents that a cap cut, in the order of the documents. */
  readonly truncated: readonly string[];
}

/**
 * Orders a shortlist. Safe to call concurrently; abortable; never sees a server.
 *
 * An empty shortlist gives an empty ranking; one candidate scores 1. The same call twice gives the same
 * answer to the last bit, unless documents are dropped whose states the first call left behind. After {@link Reranker.close} every call rejects with a `TypeError`.
 */
export interface Reranker {
  /** The description of this reranker. */
  readonly info: RerankerInfo;
  /**
   * Vectors of texts from the model's own token embeddings, without running the model; absent where the reranker has no
   * model of its own.
   */
  readonly embedder?: Embedder;
  /** Ranks every candidate of the shortlist. @throws InferenceError when the runtime fails. */
  rerank(shortlist: Shortlist, options?: RerankOptions): Promise<Ranking>;
  /**
   * One vector a candidate, in shortlist order, from the model's reading of the document without the query: its anchor,
   * or the mean direction of the anchors of several blocks. Rows have length 1; where anchors cancel each other, the
   * row is zero. States that {@link rerank} left behind are found again. Absent where documents have no anchors.
   *
   * @throws InferenceError when the runtime fails.
   */
  anchors?(shortlist: Shortlist, options?: Pick<RerankOptions, 'signal' | 'tenant'>): Promise<Embeddings>;
  /**
   * The query's anchor after it has read the shortlist, which a search index that keeps anchors can be asked with. Reads
   * block states at hand alone: those that came with the shortlist, and those that {@link rerank} left behind. Absent
   * where documents have no anchors of their own.
   *
   * @throws InferenceError when the runtime fails.
   */
  readAnchor?(shortlist: Shortlist, options?: Pick<RerankOptions, 'signal' | 'tenant'>): Promise<ReadAnchor>;
  /**
   * Tokens that {@link rerank} would read before caps cut any away, without reading them; absent where the reranker
   * cannot tell.
   */
  countTokens?(shortlist: Shortlist, options?: { readonly signal?: AbortSignal }): Promise<number>;
  /**
   * Encodes documents ahead of any query and keeps their block states, so that requests with the same texts find them,
   * whatever their ids. Resolves once the states are kept. Absent in the `in-context` profile, which keeps no states.
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

/** A query's anchor that has read documents. */
export interface ReadAnchor {
  /** The anchor, of length 1; shape `[width]`, that of the documents' anchors. */
  readonly values: Float32Array;
  /** Documents that it has read; 0: it is the query's own anchor. */
  readonly read: number;
}

/** Vectors of texts, row-major. */
export interface Embeddings {
  /** Values a row. */
  readonly width: number;
  /** One row a text, shape `[texts, width]`. */
  readonly rows: Float32Array;
}

/** Gives texts vectors whose products measure the similarity of the texts. Safe to call concurrently. */
export interface Embedder {
  /**
   * One row a text, in their order; a text without words gets a row of zeros. The same text always gets the same row.
   *
   * @param options - `signal` ends the call with its reason.
   */
  embed(texts: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<Embeddings>;
}

/**
 * What a score step may look at beside the ranking and the shortlist. Nothing is computed before a step asks for it.
 */
export interface StepContext {
  /** Aborts when no caller waits for the ranking any more; an asynchronous step passes it on to its own calls. */
  readonly signal: AbortSignal;
  /** Each candidate's signals, in shortlist order; `{}` for a candidate without any. */
  readonly signals: readonly CandidateSignals[];
  /** See {@link Reranker.embedder}; absent where the reranker has none. */
  readonly embedder?: Embedder;
  /**
   * {@link Reranker.anchors} of this shortlist; absent where the reranker has none. A second call does not compute them
   * again.
   */
  readonly anchors?: () => Promise<Embeddings>;
}

/**
 * A function that changes a ranking by its shortlist and context. A step works on logits: order and scores are made
 * from them again after each step. The result must hold every candidate exactly once, with a finite logit. A step never
 * changes its arguments.
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

/** Names a block state: the model and template that made it, the text it was made from, and the tenant. */
export interface StateKey {
  /** {@link RerankerInfo.encodingDigest} of the encoder. */
  readonly encodingDigest: string;
  /** SHA-256 of the document's text, hexadecimal. */
  readonly textDigest: string;
  /** The tenant of the state, any text; a key of one tenant never finds the state of another. @defaultValue none */
  readonly tenant?: string;
}

/** Keeps block states by key. Safe to call concurrently; a state that it cannot keep is dropped without an error. */
export interface StateSource {
  /** The states at hand, in the order of the keys; `undefined` for a key without a state. */
  getMany(keys: readonly StateKey[]): Promise<readonly (BlockState | undefined)[]>;
  /** Keeps states; a later entry of the same key replaces an earlier one. */
  putMany(entries: readonly (readonly [StateKey, BlockState])[]): Promise<void>;
  /** Frees what the source holds. Closing twice does nothing; afterwards the other calls reject with a `TypeError`. */
  close(): Promise<void>;
}
