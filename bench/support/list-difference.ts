/** How two rankings of the same lists differ. */
import type { RankedCandidate } from '../../engine/index.ts';
import { rounded } from './bench.ts';

/** Differences over all lists; the largest ones. */
export interface ListDifference {
  /** Largest difference of a candidate's score. */
  readonly score: number;
  /** Largest difference of a candidate's logit. */
  readonly logit: number;
  /** Lists whose first candidate is another. */
  readonly firstDiffers: number;
  /** Lists whose order differs at all. */
  readonly listsInAnotherOrder: number;
  /** Lists in which two candidates stand the other way round though their exact scores are farther apart than a tie's. */
  readonly listsBeyondTies: number;
  /** By how much of an exact score a candidate stands above a better one at most; 0 where no order differs. */
  readonly largestInversion: number;
}

/** One list as it was ranked exactly and roughly. */
export type RankedTwice = readonly [exact: readonly RankedCandidate[], rough: readonly RankedCandidate[]];

/** Compares rankings, best first. @param tieBound - Exact scores that are no farther apart are a tie. */
export function compareLists(lists: readonly RankedTwice[], tieBound: number): ListDifference {
  const each = lists.map(differenceOf);
  const largest = (of: (list: OneDifference) => number): number => rounded(Math.max(0, ...each.map(of)));
  const count = (is: (list: OneDifference) => boolean): number => each.filter(is).length;
  return {
    score: largest(({ score }) => score),
    logit: largest(({ logit }) => logit),
    firstDiffers: count(({ isFirstSame }) => !isFirstSame),
    listsInAnotherOrder: count(({ isOrderSame }) => !isOrderSame),
    listsBeyondTies: count(({ inversion }) => inversion > tieBound),
    largestInversion: largest(({ inversion }) => inversion),
  };
}

interface OneDifference {
  readonly score: number;
  readonly logit: number;
  readonly inversion: number;
  readonly isFirstSame: boolean;
  readonly isOrderSame: boolean;
}

function differenceOf([exact, rough]: RankedTwice): OneDifference {
  const byIndex = new Map(exact.map((candidate) => [candidate.index, candidate]));
  const difference = { score: 0, logit: 0, inversion: 0 };
  // The lowest exact score so far: whoever comes now and is better stands below a worse one.
  let lowest = Number.POSITIVE_INFINITY;
  for (const { index, score, logit } of rough) {
    const same = byIndex.get(index)!;
    difference.score = Math.max(difference.score, Math.abs(score - same.score));
    difference.logit = Math.max(difference.logit, Math.abs(logit - same.logit));
    difference.inversion = Math.max(difference.inversion, same.score - lowest);
    lowest = Math.min(lowest, same.score);
  }
  return {
    ...difference,
    isFirstSame: exact[0]?.index === rough[0]?.index,
    isOrderSame: exact.every(({ index }, rank) => index === rough[rank]?.index),
  };
}
