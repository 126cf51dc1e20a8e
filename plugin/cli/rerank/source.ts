/** The question of `blockrank rerank`, and the source that answers it. */
import type { RerankFlags } from './rerank-flags.ts';
import type { Report } from './rerank-report.ts';

/** A source of documents that answers the query. */
export interface RerankSource {
  /** Searches, where the source is a server, and reranks. */
  search(options: { readonly signal: AbortSignal }): Promise<Report>;
  /** Frees model and connection. */
  close(): Promise<void>;
}

/** A question to `blockrank rerank`. */
export interface RerankAsk {
  /** The words of the question. */
  readonly query: string;
  /** Documents from the arguments. */
  readonly documents: readonly string[];
  /** The options. */
  readonly flags: RerankFlags;
}
