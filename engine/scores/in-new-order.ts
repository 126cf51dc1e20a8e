/** Gives a ranking another order, and logits that agree with it. */
import type { RankedCandidate, Ranking } from '../contract.ts';
import { partsOf } from './score-parts.ts';

/** Least distance of two logits that would otherwise tie in the wrong order, as a share of the largest one. */
const least = 1e-9;

/**
 * The ranking in another order. The list's logits are handed out anew, the highest to the first, so that a candidate
 * that keeps its rank keeps its logit; equal ones are set apart where shortlist order would turn them round. What a
 * candidate gained or lost is a part of its own. The ranking itself where the order is the same.
 *
 * @param order - The ranking's candidates, each once; they may have other marks than before.
 * @param name - Name of the part.
 */
export function inNewOrder(ranking: Ranking, order: readonly RankedCandidate[], name: string): Ranking {
  const { candidates } = ranking;
  if (order.every((candidate, rank) => candidate === candidates[rank])) return ranking;
  const logits = candidates.map(({ logit }) => logit).sort((a, b) => b - a);
  const step = least * logits.reduce((most, logit) => Math.max(most, Math.abs(logit)), 1);
  let above: RankedCandidate | undefined;
  const placed = order.map((candidate, rank) => {
    const at = moved(candidate, logits[rank]!, name);
    above = !above || isBelow(at, above) ? at : moved(candidate, above.logit - step, name);
    return above;
  });
  return { ...ranking, candidates: placed };
}

/** The candidate at a logit, up to rounding: the logit is exactly the sum of its parts. */
function moved(candidate: RankedCandidate, logit: number, name: string): RankedCandidate {
  const value = logit - candidate.logit;
  if (value === 0) return candidate;
  return { ...candidate, logit: candidate.logit + value, parts: [...partsOf(candidate), { name, value }] };
}

function isBelow(candidate: RankedCandidate, above: RankedCandidate): boolean {
  if (candidate.logit === above.logit) return candidate.index > above.index;
  return candidate.logit < above.logit;
}
