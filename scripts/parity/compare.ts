/** How far two implementations are apart. */
import type { ExpectedScores } from './cases.ts';

/** Tolerances of the fixtures. */
export const tolerances = { score: 1e-4, logit: 1e-3, loss: 1e-3 } as const;

/** The largest differences over all cases. */
export class Differences {
  cases = 0;
  maxScoreDifference = 0;
  maxLogitDifference = 0;
  maxLossDifference = 0;
  idsEqual = true;
  rankingsEqual = true;
  readonly failures: string[] = [];

  /** Token ids and positions must be the same. */
  ids(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
    const equal =
      actual.length === expected.length && Array.from(actual).every((id, i) => id === expected[i]);
    if (equal) return;
    this.idsEqual = false;
    this.failures.push(`${what}: ids differ`);
  }

  scores(what: string, actual: ArrayLike<number>, expected: ExpectedScores): void {
    const difference = largest(actual, expected.scores);
    this.maxScoreDifference = Math.max(this.maxScoreDifference, difference);
    if (!(difference <= tolerances.score)) this.failures.push(`${what}: scores differ by ${difference}`);
    if (sameRanking(actual, expected)) return;
    this.rankingsEqual = false;
    this.failures.push(`${what}: rankings differ`);
  }

  logits(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
    const difference = largest(actual, expected);
    this.maxLogitDifference = Math.max(this.maxLogitDifference, difference);
    if (!(difference <= tolerances.logit)) this.failures.push(`${what}: logits differ by ${difference}`);
  }

  loss(what: string, actual: number, expected: number): void {
    const difference = Math.abs(actual - expected);
    this.maxLossDifference = Math.max(this.maxLossDifference, difference);
    if (!(difference <= tolerances.loss)) this.failures.push(`${what}: ${actual} for ${expected}`);
  }

  /** The line that programs read. */
  summary(): object {
    const { cases, maxScoreDifference, maxLogitDifference, idsEqual, rankingsEqual } = this;
    return { cases, maxScoreDifference, maxLogitDifference, idsEqual, rankingsEqual };
  }
}

/** NaN where the lengths differ or a number is none. */
function largest(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.NaN;
  return Array.from(actual).reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
}

/** Neighbours that are closer than both tolerances together may stand either way round. */
function sameRanking(actual: ArrayLike<number>, { scores, ranking }: ExpectedScores): boolean {
  return ranking.slice(1).every((lower, i) => {
    const upper = ranking[i]!;
    if (scores[upper]! - scores[lower]! <= 2 * tolerances.score) return true;
    return actual[upper]! > actual[lower]!;
  });
}
