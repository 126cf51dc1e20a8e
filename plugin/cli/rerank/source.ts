/** What `blockrank rerank` is asked, and what answers it. */
import type { RerankFlags } from './rerank-flags.ts';
import type { Report } from './rerank-report.ts';

/** Something that answers the query. */
export interface RerankSource {
  /** Searches, where there is something to search, and reranks. */
  search(options: { readonly signal: AbortSignal }): Promise<Report>;
  /** Frees model and connection. */
  close(): Promise<void>;
}

/** What was asked. */
export interface RerankAsk {
  /** The words of the question. */
  readonly query: string;
  /** Documents from the arguments. */
  readonly documents: readonly string[];
  /** The options. */
  readonly flags: RerankFlags;
}
