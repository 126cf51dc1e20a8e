/** The parts of a candidate's logit: what it is made of, and what each score step added. */
import type { RankedCandidate, ScorePart } from '../contract.ts';

/** Name of the part that was there before the first step that tells parts. */
export const rankingPart = 'ranking';

/** The sum of the parts, in their order: exactly the logit of the candidate that has them. */
export function sumOfParts(parts: readonly ScorePart[]): number {
  return parts.reduce((sum, { value }) => sum + value, 0);
}

/** The candidate's parts; where it has none, its logit as one part. */
export function partsOf({ parts, logit }: Pick<RankedCandidate, 'parts' | 'logit'>): readonly ScorePart[] {
  return parts ?? [{ name: rankingPart, value: logit }];
}

/** The candidate with the logit that the parts add up to. */
export function withParts<Candidate extends Pick<RankedCandidate, 'logit' | 'parts'>>(
  candidate: Candidate,
  parts: readonly ScorePart[],
): Candidate {
  return { ...candidate, logit: sumOfParts(parts), parts };
}

/** The candidate without parts that were made untrue, by giving another logit and the former parts. */
export function withTrueParts<Candidate extends Pick<RankedCandidate, 'logit' | 'parts'>>(
  candidate: Candidate,
): Omit<Candidate, 'parts'> & Pick<Candidate, 'parts'> {
  const { parts, ...rest } = candidate;
  return parts === undefined || sumOfParts(parts) === candidate.logit ? candidate : rest;
}
