/** The description of an adapter that the conformance suite needs. */
import type { Adapter, HitMark, OutcomeMark } from '../../adapters/adapter.ts';

/** All fields but these. */
export interface SuiteExcludes {
  /** Names of fields. */
  readonly excludes: readonly string[];
}

/** A search that a test of the suite asks for. */
export interface SuiteWish {
  /** The question. */
  readonly query: string;
  /** 0-based index of the page's first hit; absent: the server's default. */
  readonly from?: number;
  /** Hits of the page; absent: the server's default, which must be 10. */
  readonly size?: number;
  /** Which fields of the document come back: none, or these of `title`, `body`, `year`; absent: the server's default, all. */
  readonly source?: false | readonly string[] | SuiteExcludes;
  /** Whether the request names a sort, by which the server orders instead of by score. */
  readonly isSorted?: boolean;
  /** Whether the server must refuse the request, for instance because its index does not exist. */
  readonly isRefused?: boolean;
}

/** One hit, as the suite looks at it. */
export interface SuiteHit {
  /** The document's id. */
  readonly docId: string;
  /** The hit's score. */
  readonly score: number | undefined;
  /** The part of the document that came back; `undefined` when the request asked for none. */
  readonly source: unknown;
  /** The stage's mark. */
  readonly mark: HitMark | undefined;
}

/** An adapter under test, with what the suite cannot know of it. */
export interface SuiteSubject<Request, Response> {
  /** The adapter, over {@link suiteDocuments}, reading `title` and then `body` with a space between. */
  readonly adapter: Adapter<Request, Response>;
  /**
   * Whether the adapter was made with {@link suiteSignals} as its signals, and the store keeps those fields with their
   * types: an integer, a date, a boolean, keywords, a geo point. Otherwise the rules about signals ask for none.
   * @defaultValue false
   */
  readonly hasSignals?: boolean;
  /** Writes a request as a user of this server would. */
  readonly request: (wish: SuiteWish) => Request;
  /** The hits of a response. */
  readonly hits: (response: Response) => readonly SuiteHit[];
  /** The stage's mark on a response. */
  readonly mark: (response: Response) => OutcomeMark | undefined;
  /** A value that is no search response. */
  readonly malformed: Response;
  /** Frees what the subject holds. */
  readonly close?: () => Promise<void>;
}
