/** What is ranked: a query, and the first stage's candidates for it. */
import type { StoredState } from './states.ts';

/** A query. */
export interface Query {
  /** The words of the question, as the user wrote them. */
  readonly text: string;
  /**
   * What to look for, in words, instead of the model's own instruction; read by rerankers whose
   * `RerankerInfo.takesInstructions` says so, ignored by others. @defaultValue the model's
   */
  readonly instruction?: string;
  /** Joins a query to its relevance judgements; absent outside evaluation. */
  readonly queryId?: string;
}

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

/** How the first stage found its candidates; fusion is on by default for `lexical` ones. */
export type FirstStage = 'lexical' | 'vector' | 'hybrid' | 'unknown';

/** A document on the shortlist. */
export interface Candidate {
  /**
   * The document's id; empty where whoever asks gave none. Two candidates of one shortlist may share it (several indices);
   * indices tell them apart.
   */
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
