/** The choice not to rerank, as a reranker. */
import type { Reranker } from '../contract.ts';
import { rankLogits } from '../scores/ranking.ts';

/**
 * A reranker that keeps the first stage's order and reads nothing: a choice of routers, and a measure of what reranking
 * brings. It gives no calibrated scores.
 */
export function firstStageReranker(): Reranker {
  let isClosed = false;
  return {
    info: {
      name: 'first-stage',
      encodingDigest: 'none',
      readoutDigest: 'first-stage',
      profile: 'in-context',
      executionProvider: 'none',
      languages: [],
      fusionWeight: 0,
      ready: true,
    },
    async rerank({ candidates }, { signal, explain } = {}) {
      if (isClosed) throw new TypeError('rerank: the reranker is closed.');
      // The caller may abort until the answer is there.
      await Promise.resolve();
      signal?.throwIfAborted();
      const ranking = rankLogits(candidates.map((_, index) => 0 - index));
      if (!explain) return ranking;
      return {
        ...ranking,
        candidates: ranking.candidates.map((candidate) => ({ ...candidate, explanation: { spans: [] } })),
      };
    },
    async close() {
      isClosed = true;
    },
  };
}
