/** Catches a reranker's wrong answer before it can lose, copy or invent a hit. */
import {
  InferenceError,
  type Ranking,
  type RerankerInfo,
  rankingFault,
  rankingInOrder,
} from '../../engine/index.ts';

/**
 * The ranking, best first: descending by logit, equal logits in shortlist order whatever order the reranker gave them.
 *
 * @throws InferenceError when the ranking is not a permutation of `0..count-1`, or holds a number that is not finite.
 */
export function checkedRanking(ranking: Ranking, count: number, reranker: RerankerInfo): Ranking {
  const fault = rankingFault(ranking, count);
  if (!fault) return rankingInOrder(ranking);
  throw new InferenceError(
    `Cannot use the ranking that "${reranker.name}" gave for ${count} candidates: ${fault}. ` +
      'Every position of the shortlist must come exactly once, with finite logit and score; fix the reranker.',
    { executionProvider: reranker.executionProvider },
  );
}
