/** Finds the fault of a ranking that loses, copies or invents a document. */
import type { RankedCandidate, Ranking } from '../contract.ts';

/**
 * Says why a value is no ranking of `count` candidates.
 *
 * @returns `undefined` when every index `0..count-1` comes exactly once, with finite numbers, in whatever order.
 */
export function rankingFault(ranking: Ranking, count: number): string | undefined {
  if (!Array.isArray(ranking?.candidates)) return 'it holds no list of candidates';
  if (ranking.candidates.length !== count) return `it holds ${ranking.candidates.length} candidates`;
  const { answerable } = ranking;
  if (answerable !== undefined && !Number.isFinite(answerable)) {
    return `it says that the list is answerable with ${answerable}`;
  }
  const seen = new Uint8Array(count);
  for (const candidate of ranking.candidates) {
    const fault = faultOfCandidate(candidate, seen);
    if (fault) return fault;
    seen[candidate.index] = 1;
  }
  return undefined;
}

function faultOfCandidate(candidate: RankedCandidate, seen: Uint8Array): string | undefined {
  const { index, logit, score, calibratedScore } = candidate;
  if (seen[index] === undefined) return `position ${index} is not on the shortlist`;
  if (seen[index] === 1) return `position ${index} comes twice`;
  if (!Number.isFinite(logit)) return `position ${index} has the logit ${logit}`;
  if (!Number.isFinite(score)) return `position ${index} has the score ${score}`;
  if (calibratedScore !== undefined && !Number.isFinite(calibratedScore)) {
    return `position ${index} has the calibrated score ${calibratedScore}`;
  }
  return undefined;
}
