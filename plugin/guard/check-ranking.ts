/** Catches a reranker's wrong answer before it can lose, copy or invent a hit. */
import { InferenceError, type RankedCandidate, type Ranking, type RerankerInfo } from '../../engine/index.ts';

/**
 * The ranking, best first: descending by logit, equal logits in shortlist order whatever order they came in.
 *
 * @throws InferenceError when it is not a permutation of `0..count-1` or holds a number that is not finite.
 */
export function checkedRanking(
  ranking: Ranking,
  count: number,
  source: { readonly reranker: RerankerInfo; readonly step: string },
): Ranking {
  const fault = faultOf(ranking, count);
  if (fault) {
    throw new InferenceError(
      `Cannot use the ranking that ${source.step} of "${source.reranker.name}" gave for ${count} candidates: ${fault}. ` +
        'Every position of the shortlist must come exactly once, with finite logit and score; fix the reranker or the score step.',
      { executionProvider: source.reranker.executionProvider },
    );
  }
  return isOrdered(ranking.candidates)
    ? ranking
    : { ...ranking, candidates: ranking.candidates.toSorted(byLogit) };
}

function byLogit(a: RankedCandidate, b: RankedCandidate): number {
  return b.logit - a.logit || a.index - b.index;
}

function isOrdered(candidates: readonly RankedCandidate[]): boolean {
  return candidates.every((candidate, i) => i === 0 || byLogit(candidates[i - 1]!, candidate) <= 0);
}

function faultOf(ranking: Ranking, count: number): string | undefined {
  if (!Array.isArray(ranking?.candidates)) return 'it holds no list of candidates';
  if (ranking.candidates.length !== count) return `it holds ${ranking.candidates.length} candidates`;
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
