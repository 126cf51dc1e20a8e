/** Who ranks, what a call may ask for, and how a reranker describes itself. */
import type { Embedder, Embeddings } from './embedder.ts';
import type { RankedCandidate, Ranking } from './ranking.ts';
import type { Query, Shortlist } from './shortlist.ts';

/**
 * Orders a shortlist. Safe to call concurrently; abortable; never sees a server.
 *
 * An empty shortlist gives an empty ranking; one candidate scores 1. The same call twice gives the same
 * answer to the last bit, unless documents are dropped whose states the first call left behind. After {@link Reranker.close}
 * every call rejects with a `TypeError`.
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
  /** Encoders: the depth, in layers' work: all of the model's layers, or a smaller depth. */
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

/** Whether documents are read in the light of the query (`in-context`) or on their own (`cacheable`). */
export type Profile = 'in-context' | 'cacheable';

/** The first stage's share of the fused order, in [0, 1]: one for every list, or a rule that gives each list its own. */
export type FusionWeight =
  | number
  | {
      /** The rule. */
      readonly predicted: PredictedFusionWeight;
    };

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

/** A query's anchor that has read documents. */
export interface ReadAnchor {
  /** The anchor, of length 1; shape `[width]`, that of the documents' anchors. */
  readonly values: Float32Array;
  /** Documents that it has read; 0: it is the query's own anchor. */
  readonly read: number;
}
