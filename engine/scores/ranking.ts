/** From logits to a ranking: the one place that orders and normalises. */
import type { RankedCandidate, Ranking, RankingUsage } from '../contract.ts';
import { softmax } from '../readout/softmax.ts';

/** A candidate with a logit, not yet ordered. */
export type ScoredCandidate = Omit<RankedCandidate, 'score'>;

const noUsage: RankingUsage = { tokens: 0, truncatedTokens: 0, statesFound: 0, statesEncoded: 0 };

/** The ranking of logits in shortlist order, when nothing was spent on them here: for evaluating and tuning. */
export function rankLogits(logits: ArrayLike<number>): Ranking {
  return toRanking(
    Array.from(logits, (logit, index) => ({ index, logit })),
    noUsage,
  );
}

/**
 * Orders candidates by logit, descending; equal logits keep shortlist order. Scores are the softmax of the
 * logits over the list.
 */
export function toRanking(candidates: readonly ScoredCandidate[], usage: RankingUsage): Ranking {
  const scores = softmax(candidates.map(({ logit }) => logit));
  return {
    candidates: candidates
      .map((candidate, i) => ({ ...candidate, score: scores[i]! }))
      .sort((a, b) => b.logit - a.logit || a.index - b.index),
    usage,
  };
}
