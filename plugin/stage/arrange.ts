/** Turns a ranking into the hits of the response: applies thresholds, pinned ranks and the cut. */
import type { RankedHit } from '../../adapters/adapter.ts';
import {
  ConfigurationError,
  type RankedCandidate,
  type Ranking,
  type Shortlist,
} from '../../engine/index.ts';

/** The limits that drop hits. */
export interface Limits {
  /** Most hits of the response; absent: all. */
  readonly topN?: number | undefined;
  /** Smallest calibrated score of a kept hit, in [0, 1]; absent: any. */
  readonly minScore?: number | undefined;
  /** How many of the last candidates a second search added. @defaultValue 0 */
  readonly added?: number | undefined;
}

/** The window's hits in the order of the response. */
export interface Arrangement {
  /** Best first, pinned ones at their ranks. */
  readonly hits: readonly RankedHit[];
  /** Whether the list goes on after the window. */
  readonly keepsTail: boolean;
}

/**
 * Orders the window's hits. A pinned hit keeps its rank and is never dropped by `minScore`; when so many other hits are
 * dropped that its rank no longer exists, it comes last. Nor is a hit dropped that was not read, since its score
 * is not known. `topN` cuts the finished list.
 *
 * @throws ConfigurationError when `minScore` is set and the reranker gives no calibrated score.
 */
export function arrange(ranking: Ranking, shortlist: Shortlist, limits: Limits): Arrangement {
  const { topN, minScore, added = 0 } = limits;
  const pinned = pinnedPositions(shortlist);
  const loose = ranking.candidates.filter(
    (candidate) => !pinned.has(candidate.index) && passes(candidate, minScore),
  );
  const arranged = pinned.size === 0 ? loose : withPinned(loose, ranking, pinned);
  const firstAdded = shortlist.candidates.length - added;
  const hits = (topN === undefined ? arranged : arranged.slice(0, topN)).map((candidate) =>
    toRankedHit(candidate, firstAdded),
  );
  const isWhole = hits.length === ranking.candidates.length;
  // topN is at most the window, so a list that has a tail has more than topN hits.
  return { hits, keepsTail: isWhole && topN === undefined };
}

/** Copies property by property: spreading a hundred candidates took a sixth of the stage's own time. */
function toRankedHit(candidate: RankedCandidate, firstAdded: number): RankedHit {
  const {
    index,
    logit,
    score,
    calibratedScore,
    explanation,
    isRead,
    isDropped,
    duplicateOf,
    parts,
    protectedAs,
    field,
    fieldValue,
  } = candidate;
  const hit: Writable<RankedHit> = { index, logit, score, firstStageRank: index + 1 };
  if (calibratedScore !== undefined) hit.calibratedScore = calibratedScore;
  if (explanation) hit.explanation = explanation;
  if (isRead === false) hit.isRead = false;
  if (isDropped) hit.isDropped = true;
  if (duplicateOf !== undefined) hit.duplicateOf = duplicateOf;
  if (parts) hit.parts = parts;
  if (protectedAs) hit.protectedAs = protectedAs;
  if (field !== undefined) hit.field = field;
  if (fieldValue !== undefined) hit.fieldValue = fieldValue;
  if (index >= firstAdded) hit.fromSecondSearch = true;
  return hit;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

function pinnedPositions(shortlist: Shortlist): ReadonlySet<number> {
  const { pinned = [], candidates } = shortlist;
  return new Set(pinned.filter((index) => index >= 0 && index < candidates.length));
}

function withPinned(
  loose: readonly RankedCandidate[],
  ranking: Ranking,
  pinned: ReadonlySet<number>,
): readonly RankedCandidate[] {
  const byIndex = new Map(ranking.candidates.map((candidate) => [candidate.index, candidate]));
  const arranged: RankedCandidate[] = [];
  let next = 0;
  const fillUpTo = (index: number): void => {
    while (arranged.length < index && next < loose.length) arranged.push(loose[next++]!);
  };
  for (const index of [...pinned].sort((a, b) => a - b)) {
    fillUpTo(index);
    const candidate = byIndex.get(index);
    if (candidate) arranged.push(candidate);
  }
  fillUpTo(Number.POSITIVE_INFINITY);
  return arranged;
}

function passes(candidate: RankedCandidate, minScore: number | undefined): boolean {
  if (minScore === undefined || candidate.isRead === false) return true;
  if (candidate.calibratedScore === undefined) {
    throw new ConfigurationError('Cannot apply minScore', [
      {
        path: 'minScore',
        message:
          'the reranker gives no calibrated score, and its masses are relative to their list, so that no threshold fits them; leave minScore out, use topN, or use a calibrated reranker',
      },
    ]);
  }
  return candidate.calibratedScore >= minScore;
}
