/** The formulas of a cascade: which candidates are read a second time, and one scale for both readings. Pure. */
import type { RankedCandidate, Ranking, RankingUsage } from '../contract.ts';
import { zScores } from './fusion-scores.ts';
import { type ScoredCandidate, saidOfList, toRanking } from './ranking.ts';
import { withTrueParts } from './score-parts.ts';
import { spreadOf } from './spread.ts';
import { isRead } from './unread.ts';
import { summedUsage } from './usage.ts';

/** Which candidates of the cheap order are read again. */
export type CascadeRule =
  | {
      /** The first so many. */
      readonly first: number;
    }
  | {
      /** Those whose cheap z-score is at most this far from the page's edge, in standard deviations of the list. */
      readonly margin: number;
      /** Length of the page; its edge is the mean z-score of its last candidate and the next one. */
      readonly cutoff: number;
    };

/** A run of places in a ranking: from the first, inclusive, to the last, exclusive; 0-based. */
export interface CascadeWindow {
  /** First place. */
  readonly from: number;
  /** Place behind the last. */
  readonly to: number;
}

const nothing: CascadeWindow = { from: 0, to: 0 };

/**
 * The part of a cheap order that is read again; empty where a second reading could change nothing: fewer than two
 * candidates, or with a margin a list that the page holds as a whole.
 */
export function cascadeWindow({ candidates }: Ranking, rule: CascadeRule): CascadeWindow {
  const count = candidates.length;
  if ('first' in rule) return wide({ from: 0, to: Math.min(rule.first, count) });
  const { margin, cutoff } = rule;
  if (count <= cutoff) return nothing;
  const scores = listScores(candidates);
  const edge = (scores[cutoff - 1]! + scores[cutoff]!) / 2;
  const isUnsure = (score: number): boolean => Math.abs(score - edge) <= margin;
  // Scores descend, so those near the edge are neighbours.
  return wide({ from: scores.findIndex(isUnsure), to: scores.findLastIndex(isUnsure) + 1 });
}

const wide = (window: CascadeWindow): CascadeWindow => (window.to - window.from < 2 ? nothing : window);

/** Difference of scores between the window and what is above and below it, so that no tie joins them. */
const gap = 1e-3;

/**
 * The cheap order with its window in the dear order. Logits are z-scores of the cheap list; inside the window, the dear
 * z-scores with the mean and deviation that the window has in the cheap list. What is above and below moves away from
 * the window as far as it must, so that the window stays a permutation of itself, and the rest keeps its order.
 *
 * @param dear - Ranks the window's candidates; its indexes are those of the whole shortlist.
 */
export function joinedCascade(cheap: Ranking, dear: Ranking, { from, to }: CascadeWindow): Ranking {
  const scores = listScores(cheap.candidates);
  const { mean, deviation } = spreadOf(scores.slice(from, to));
  const window = listScores(dear.candidates).map((score) => mean + (deviation || 1) * score);
  const up = Math.max(0, window[0]! + gap - (from > 0 ? scores[from - 1]! : Number.POSITIVE_INFINITY));
  const down = Math.max(0, (scores[to] ?? Number.NEGATIVE_INFINITY) + gap - window.at(-1)!);
  const moved = (candidate: RankedCandidate, logit: number): ScoredCandidate =>
    withTrueParts({ ...candidate, logit });
  const joined = [
    ...cheap.candidates.slice(0, from).map((candidate, i) => moved(candidate, scores[i]! + up)),
    ...dear.candidates.map((candidate, i) => moved(readByEither(candidate, cheap), window[i]!)),
    ...cheap.candidates.slice(to).map((candidate, i) => moved(candidate, scores[to + i]! - down)),
  ];
  const { read: _ofOne, stoppedBy, ...usage } = summedUsage(cheap.usage, dear.usage);
  const read = joined.filter(isRead).length;
  const ranking = inThisOrder(
    joined,
    read === joined.length ? usage : { ...usage, read, ...(stoppedBy && { stoppedBy }) },
  );
  return { ...ranking, ...saidOfBoth(cheap, dear, from) };
}

/** What either says of the whole list; where both say something, what the dear one says. */
function saidOfBoth(cheap: Ranking, dear: Ranking, from: number): ReturnType<typeof saidOfList> {
  const { answerable: _ofOne, ...said } = { ...saidOfList(cheap), ...saidOfList(dear) };
  const answerable = answerableOf(cheap, dear, from);
  return answerable === undefined ? said : { ...said, answerable };
}

/**
 * The probability that the list holds a relevant document: the dear reranker's where it read the best ones, which decide
 * it; else, or where it tells none, the cheap one's, which read all.
 */
function answerableOf(cheap: Ranking, dear: Ranking, from: number): number | undefined {
  return from === 0 ? (dear.answerable ?? cheap.answerable) : cheap.answerable;
}

/** The dear reranker's candidate, marked as unread only where the cheap one did not read it either. */
function readByEither(candidate: RankedCandidate, { candidates }: Ranking): RankedCandidate {
  if (isRead(candidate)) return candidate;
  const { isRead: _ofDear, ...rest } = candidate;
  return isRead(candidates.find(({ index }) => index === candidate.index)!) ? rest : candidate;
}

/** Unclipped z-scores in ranked order: clipping would make ties of the best ones. */
function listScores(candidates: readonly RankedCandidate[]): readonly number[] {
  const logits = candidates.map(({ logit }) => logit);
  return zScores(logits, Number.POSITIVE_INFINITY) ?? logits.map(() => 0);
}

/**
 * The ranking in the order given. Where rounding lost a difference between two logits, or a logit is beyond what z-scores
 * take, places stand in for all of them.
 */
function inThisOrder(candidates: readonly ScoredCandidate[], usage: RankingUsage): Ranking {
  const ranking = toRanking(candidates, usage);
  const isKept = ranking.candidates.every(({ index }, i) => index === candidates[i]!.index);
  if (isKept) return ranking;
  return toRanking(
    candidates.map((candidate, i) => withTrueParts({ ...candidate, logit: 0 - i })),
    usage,
  );
}
