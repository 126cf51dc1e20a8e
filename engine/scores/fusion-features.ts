/** What a list tells about how far its first stage can be trusted: read off both orders and the words, without a model. */
import type { Ranking, Shortlist } from '../contract.ts';
import { zScores } from './fusion-scores.ts';
import { shareFound, wordsOf } from './words-found.ts';

/** Names of the features of a list, in a fixed order. */
export const fusionFeatureNames = [
  'queryWords',
  'agreement',
  'firstStageGap',
  'modelGap',
  'wordsFound',
  'modelWordsFound',
] as const;

/** One of {@link fusionFeatureNames}. */
export type FusionFeatureName = (typeof fusionFeatureNames)[number];

/**
 * Features of one list.
 *
 * - `queryWords`: `log2(1 + words of the query) / 4`, at most 2;
 * - `agreement`: average overlap of the two orders' fronts, in [0, 1] (Fagin, Kumar, Sivakumar, SODA 2003), 20 deep;
 * - `firstStageGap`, `modelGap`: how far the best score stands above the second, in standard deviations of the list's
 *   scores, clipped, over 3: in [0, 1];
 * - `wordsFound`, `modelWordsFound`: share of the query's words that stand in a document, mean over the first five of the
 *   first stage, and of the model; in [0, 1].
 */
export type FusionFeatures = Readonly<Record<FusionFeatureName, number>>;

/** Depth of the fronts that are compared. */
const agreementDepth = 20;
/** Documents whose words are looked at. */
const readDocuments = 5;
/** Standard deviations that count as a gap of 1. */
const wholeGap = 3;

/** The features of a ranking over its shortlist. */
export function fusionFeatures(ranking: Ranking, shortlist: Shortlist): FusionFeatures {
  const { candidates } = shortlist;
  const firstStageScores = candidates.map(({ firstStageScore }) => firstStageScore ?? Number.NaN);
  const logits = new Float64Array(candidates.length);
  for (const { index, logit } of ranking.candidates) logits[index] = logit;
  const firstStage = byScore(firstStageScores);
  const model = byScore([...logits]);
  const query = new Set(wordsOf(shortlist.query.text));
  const found = (order: readonly number[]): number =>
    mean(order.slice(0, readDocuments).map((index) => shareFound(query, candidates[index]!.text)));
  return {
    queryWords: Math.min(2, Math.log2(1 + wordsOf(shortlist.query.text).length) / 4),
    agreement: averageOverlap(firstStage, model, agreementDepth),
    firstStageGap: gap(firstStageScores),
    modelGap: gap([...logits]),
    wordsFound: found(firstStage),
    modelWordsFound: found(model),
  };
}

/** Indices by score, descending; missing scores last; equal ones keep their order. */
function byScore(scores: readonly number[]): number[] {
  const value = (index: number): number => {
    const score = scores[index]!;
    return Number.isFinite(score) ? score : Number.NEGATIVE_INFINITY;
  };
  return [...scores.keys()].sort((a, b) => (value(a) === value(b) ? a - b : value(b) - value(a)));
}

/** Mean over `d = 1..depth` of the share of documents that the two fronts of length `d` have in common. */
function averageOverlap(a: readonly number[], b: readonly number[], depth: number): number {
  const length = Math.min(depth, a.length);
  const [inA, inB] = [new Set<number>(), new Set<number>()];
  let common = 0;
  let sum = 0;
  for (let d = 0; d < length; d += 1) {
    inA.add(a[d]!);
    inB.add(b[d]!);
    if (inB.has(a[d]!)) common += 1;
    if (b[d] !== a[d] && inA.has(b[d]!)) common += 1;
    sum += common / (d + 1);
  }
  return length === 0 ? 0 : sum / length;
}

/** Distance of the two largest scores, in standard deviations of all of them, clipped at {@link wholeGap}, over it. */
function gap(scores: readonly number[]): number {
  const [best = 0, second = best] = (zScores(scores, Number.POSITIVE_INFINITY) ?? []).sort((a, b) => b - a);
  return Math.min(wholeGap, best - second) / wholeGap;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
