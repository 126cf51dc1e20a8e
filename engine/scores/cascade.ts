/** The formulas of a cascade: which candidates are read a second time, and one scale for both readings. Pure. */
import type { RankedCandidate, Ranking } from '../contract.ts';
import { zScores } from './fusion-scores.ts';
import { type ScoredCandidate, toRanking } from './ranking.ts';
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
  const moved = (candidate: RankedCandidate, logit: number): ScoredCandidate => ({ ...candidate, logit });
  const joined = [
    ...cheap.candidates.slice(0, from).map((candidate, i) => moved(candidate, scores[i]! + up)),
    ...dear.candidates.map((candidate, i) => moved(candidate, window[i]!)),
    ...cheap.candidates.slice(to).map((candidate, i) => moved(candidate, scores[to + i]! - down)),
  ];
  return toRanking(joined, summedUsage(cheap.usage, dear.usage));
}

/** Logits of a magnitude that z-scores do not take. */
const absurd = 1e30;

/**
 * Z-scores in ranked order, descending. They are not clipped: clipping would make ties of the best ones. A list with
 * absurd logits is scored by its order alone.
 */
function listScores(candidates: readonly RankedCandidate[]): readonly number[] {
  const logits = candidates.map(({ logit }, i) => ({ logit, rank: -i }));
  const isAbsurd = logits.some(({ logit }) => Math.abs(logit) >= absurd);
  const values = logits.map(({ logit, rank }) => (isAbsurd ? rank : logit));
  return zScores(values, Number.POSITIVE_INFINITY) ?? [];
}

function spreadOf(values: readonly number[]): { readonly mean: number; readonly deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}
