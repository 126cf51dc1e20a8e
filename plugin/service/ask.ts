/** One request and its answer, free of any wire form. */
import type { PassageOptions, Ranking } from '../../engine/index.ts';
import type { ServedScore } from './served-scores.ts';

/** A document as the caller sent it. */
export interface AskedDocument {
  /** What the model reads. */
  readonly text: string;
  /** The caller's own name for it; the native form alone has one. */
  readonly id?: string | undefined;
  /** The first stage's score; the native form alone has one. */
  readonly firstStageScore?: number | undefined;
  /** Fields for signals, by name; the native form alone has them. */
  readonly signals?: Readonly<Record<string, unknown>> | undefined;
  /** The document as the answer repeats it on request. @defaultValue the text */
  readonly echo?: unknown;
}

/** One request for a ranking. */
export interface Ask {
  /** The question. */
  readonly query: string;
  /** What to look for, in place of the model's own instruction; the native form and the union alone have one. */
  readonly instruction?: string | undefined;
  /** The documents, in the caller's order. */
  readonly documents: readonly AskedDocument[];
  /** The model's name; absent: the service's first. */
  readonly model?: string | undefined;
  /** Documents in the answer at most; absent: all. */
  readonly topN?: number | undefined;
  /** Whether the answer repeats the documents. */
  readonly returnDocuments: boolean;
  /** Whether every document gets an explanation. */
  readonly explain: boolean;
  /** Which sentences of every document the answer gives; absent: none. */
  readonly passages?: PassageOptions | undefined;
  /** Whether a text that the model cannot read whole is an error. */
  readonly refusesTruncation: boolean;
}

/** A ranking as it is served; what caches keep. */
export interface Ranked {
  /** The ranking; absent when nothing was ranked. */
  readonly ranking?: Ranking | undefined;
  /** Why nothing was ranked: the query holds no word, or the model does not read the list's language. */
  readonly reason?: 'no-query-text' | 'language' | undefined;
  /** Scores in the answer's order, one a document. */
  readonly scores: readonly ServedScore[];
}

/** The answer to a request. */
export interface Answer extends Ranked {
  /** The request. */
  readonly ask: Ask;
  /** Id of this answer. */
  readonly requestId: string;
  /** The model that answered. */
  readonly model: string;
  /** Where the ranking came from. */
  readonly cache: 'hit' | 'miss' | 'coalesced';
  /** Time in the service, in milliseconds. */
  readonly elapsedMs: number;
}
