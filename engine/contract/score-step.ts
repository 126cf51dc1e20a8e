/** What changes an order after the model. */
import type { Embedder, Embeddings } from './embedder.ts';
import type { Ranking } from './ranking.ts';
import type { Reranker } from './reranker.ts';
import type { CandidateSignals, Shortlist } from './shortlist.ts';

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
