/** Turns logits into a ranking: the only module that orders and normalises. */
import type { RankedCandidate, Ranking, RankingUsage } from '../contract.ts';
import { softmax } from '../readout/softmax.ts';

/** A candidate with a logit, not yet ordered. */
export type ScoredCandidate = Omit<RankedCandidate, 'score'>;

const noUsage: RankingUsage = { tokens: 0, truncatedTokens: 0, statesFound: 0, statesEncoded: 0 };
/**
 * Softmax over the same logits in another order differs in the last bits; scores that differ by less than this count as
 * equal to the logits' own.
 */
const sameScore = 1e-9;

/** The ranking of logits in shortlist order, with a usage of 0: for evaluating and tuning. */
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
    candidates: candidates.map((candidate, i) => ({ ...candidate, score: scores[i]! })).sort(byLogit),
    usage,
  };
}

/** What the ranking says of its whole list: all but the order and its cost. */
export function saidOfList({
  candidates: _order,
  usage: _cost,
  ...said
}: Ranking): Omit<Ranking, 'candidates' | 'usage'> {
  return said;
}

/** The ranking with these candidates in place of its own, ordered; what it says of the whole list stays. */
export function withCandidates(ranking: Ranking, candidates: readonly ScoredCandidate[]): Ranking {
  return { ...ranking, ...toRanking(candidates, ranking.usage) };
}

/** The ranking in the order of its logits; the ranking itself where it is in order already. Scores stay. */
export function rankingInOrder(ranking: Ranking): Ranking {
  const { candidates } = ranking;
  const isOrdered = candidates.every(
    (candidate, i) => i === 0 || byLogit(candidates[i - 1]!, candidate) <= 0,
  );
  return isOrdered ? ranking : { ...ranking, candidates: candidates.toSorted(byLogit) };
}

/**
 * The ranking in order, with the softmax of its logits as scores; the ranking itself where order and scores are right
 * already.
 */
export function normalisedRanking(ranking: Ranking): Ranking {
  const scores = softmax(ranking.candidates.map(({ logit }) => logit));
  const isNormal = ranking.candidates.every(({ score }, i) => Math.abs(score - scores[i]!) <= sameScore);
  if (isNormal) return rankingInOrder(ranking);
  return withCandidates(ranking, ranking.candidates);
}

function byLogit(a: ScoredCandidate, b: ScoredCandidate): number {
  return b.logit - a.logit || a.index - b.index;
}
