/** Outcomes as a stage would give them. */
import type { Outcome, RankedHit } from '../../../adapters/adapter.ts';

/** Arbitrary timings. */
export const anyTimings = { firstStageMs: 1, rerankMs: 2, totalMs: 3 };

/** An outcome in this order of shortlist indices; scores fall evenly and sum to 1. */
export function rankedOutcome(
  order: readonly number[],
  keepsTail = true,
): Extract<Outcome, { reranked: true }> {
  const count = order.length;
  const hits = order.map((index, place): RankedHit => {
    const score = (2 * (count - place)) / (count * (count + 1));
    return { index, logit: -place, score, firstStageRank: index + 1 };
  });
  const usage = { tokens: 1, truncatedTokens: 0, statesFound: 0, statesEncoded: 1 };
  return { reranked: true, hits, keepsTail, usage, cached: false, timings: anyTimings, warnings: [] };
}
