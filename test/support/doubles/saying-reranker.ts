/** A reranker that says something of its whole list. */
import { wrapped } from '../../../engine/compose/wrapped.ts';
import type { Ranking, Reranker } from '../../../engine/contract.ts';

/** What it says. */
export const saidOfList: Pick<Ranking, 'routed' | 'answerable'> = {
  routed: { to: 'reader', reason: 'cost', expectedLoss: 0.2, costMs: 1 },
  answerable: 0.7,
};

/** Ranks as the inner one does, and says {@link saidOfList}. */
export function sayingReranker(inner: Reranker): Reranker {
  return wrapped(inner, {
    rerank: async (list, options) => ({ ...(await inner.rerank(list, options)), ...saidOfList }),
  });
}
