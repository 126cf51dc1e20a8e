/** What a list's order is worth, fused with the first stage as it is when serving. */
import type { Ranking, Shortlist } from '../contract.ts';
import type { Measure } from '../evaluation/measures.ts';
import { fusion } from '../scores/fusion.ts';

/** A list and what is known of its documents. */
export interface GradedList {
  /** Query and candidates, with the first stage's scores. */
  readonly shortlist: Shortlist;
  /** Gain of each candidate, in shortlist order. */
  readonly gains: readonly number[];
  /** Gains of all judged documents, descending. */
  readonly ideal: readonly number[];
}

/**
 * The measure of one list in the order of its fused logits.
 *
 * @param ranking - The model's, of the shortlist. @param options - `weight`: the first stage's share, in [0, 1].
 */
export function measureFused(
  ranking: Ranking,
  { shortlist, gains, ideal }: GradedList,
  { weight, measure }: { readonly weight: number; readonly measure: Measure },
): number {
  const { candidates } = fusion({ weight })(ranking, shortlist);
  return measure.value(
    candidates.map(({ index }) => gains[index]!),
    ideal,
  );
}
