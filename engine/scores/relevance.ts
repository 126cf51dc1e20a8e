/**
 * How probable it is that a document is relevant, and that a list holds a relevant document: logistic rules over what
 * ranking a list has computed already.
 *
 * A probability means the same whatever the model, so a threshold on it survives a change of the model, or of its depth.
 */
import type { BlockState, Shortlist } from '../contract.ts';
import { spreadOf } from './spread.ts';
import { shareFound, wordsOf } from './words-found.ts';

/** Names of a document's features, in a fixed order. */
export const hitFeatureNames = [
  'cosine',
  'tokenMatch',
  'weakestMatch',
  'passageMatch',
  'wordsFound',
] as const;

/**
 * Features of one document, none of which depends on the rest of its list.
 *
 * - `cosine`: the largest of the query's anchor with the anchors of its blocks;
 * - `tokenMatch`: `tau * log sum_j exp(q_i·x_j / tau)`, a soft maximum of cosines over the tokens of a block; mean over the
 *   query's tokens, the largest of its blocks;
 * - `weakestMatch`: the same of the query's token that is matched worst, each in the block that matches it best;
 * - `passageMatch`: how well the query's tokens are matched within one passage, the largest of its blocks: see `passageMatch`
 *   of the readout;
 * - `wordsFound`: the share of the query's words that the text holds, in [0, 1].
 */
export type HitFeatures = Readonly<Record<(typeof hitFeatureNames)[number], number>>;

/** Names of a list's features, in a fixed order. */
export const listFeatureNames = ['best', 'gap', 'mean', 'standout', 'firstStageLead'] as const;

/**
 * Features of a list. What is long and what is short compare, for no more than ten of its documents take part.
 *
 * - `best`: the largest log-odds of a document;
 * - `gap`: how far it stands above the second, 0 of one document;
 * - `mean`: the mean of the nine behind the best, of one document its own;
 * - `standout`: how far the best stands above the mean of the nine, over the ten's standard deviation and `.5`: 0 of one
 *   document;
 * - `firstStageLead`: `ln(s_1 / mean(s_1, …, s_10))` of the ten largest scores `s` of a lexical first stage: how far that was
 *   sure by itself. 0 without such scores.
 */
export type ListFeatures = Readonly<Record<(typeof listFeatureNames)[number], number>>;

/** Documents of a list that its features are taken from. */
const listFeatureDocuments = 10;

/** Log-odds as a sum: `bias + sum of coefficient * feature`. */
export interface LogisticRule {
  /** The sum's value where every feature is 0. */
  readonly bias: number;
  /** By feature; a feature that is not named does not count. */
  readonly coefficients: Readonly<Record<string, number>>;
}

/** The rules of a model (`blockrank.json`, property `relevance`). */
export interface RelevanceRules {
  /** Of a document, over {@link HitFeatures}. */
  readonly hit: LogisticRule;
  /** Of a list, over {@link ListFeatures} but for `firstStageLead`. @defaultValue none: lists get no probability */
  readonly list?: LogisticRule | undefined;
  /** Of a list with scores of a lexical first stage. @defaultValue `list` */
  readonly lexicalList?: LogisticRule | undefined;
}

/** Probabilities of one list. */
export interface Relevance {
  /** One a document, in shortlist order, in [0, 1]. */
  readonly hits: readonly number[];
  /** That the list holds a relevant document, in [0, 1]; absent without a rule for it, and of an empty list. */
  readonly list?: number;
}

/** Everything that features are read off. */
export interface FeatureSource {
  /** The question. */
  readonly query: string;
  /** The documents' texts. */
  readonly texts: readonly string[];
  /** The documents' states; of their blocks the number is read alone. */
  readonly states: readonly Pick<BlockState, 'blockTokens'>[];
  /** Largest cosine of the query's anchor with an anchor of each document, shape `[N]`. */
  readonly cosines: ArrayLike<number>;
  /** The token head's numerators, shape `[Q, D]`. */
  readonly logSums: Float64Array;
  /** Their temperature. */
  readonly tau: number;
  /** How well the best passage of each block matches the query, shape `[D]`. */
  readonly passageMatches: Float64Array;
}

/** The features of each document, in shortlist order. */
export function hitFeatures(source: FeatureSource): HitFeatures[] {
  const { query, texts, states, cosines, logSums, passageMatches, tau } = source;
  const words = new Set(wordsOf(query));
  const D = states.reduce((sum, { blockTokens }) => sum + blockTokens.length, 0);
  const Q = logSums.length / Math.max(1, D);
  let first = 0;
  return states.map(({ blockTokens: { length } }, n) => {
    const matches = matchesOf({ logSums, D, Q, tau }, first, first + length);
    const passageMatch = Math.max(...passageMatches.subarray(first, first + length));
    first += length;
    return { cosine: cosines[n]!, ...matches, passageMatch, wordsFound: shareFound(words, texts[n]!) };
  });
}

interface Matches {
  readonly logSums: Float64Array;
  readonly D: number;
  readonly Q: number;
  readonly tau: number;
}

/** Over the blocks `[from, to)` of one document. */
function matchesOf(
  { logSums, D, Q, tau }: Matches,
  from: number,
  to: number,
): Pick<HitFeatures, 'tokenMatch' | 'weakestMatch'> {
  const best = new Float64Array(Q).fill(Number.NEGATIVE_INFINITY);
  let tokenMatch = Number.NEGATIVE_INFINITY;
  for (let d = from; d < to; d += 1) {
    let sum = 0;
    for (let i = 0; i < Q; i += 1) {
      const match = tau * logSums[i * D + d]!;
      sum += match;
      best[i] = Math.max(best[i]!, match);
    }
    tokenMatch = Math.max(tokenMatch, sum / Q);
  }
  return { tokenMatch, weakestMatch: Math.min(...best) };
}

/**
 * The features of a list.
 *
 * @param logOdds - Of its documents, of which there is one at least.
 * @param lexicalScores - Of a lexical first stage, above 0. @defaultValue none
 */
export function listFeatures(
  logOdds: readonly number[],
  lexicalScores: readonly number[] = [],
): ListFeatures {
  const [best = 0, ...others] = largest(logOdds);
  const [lead = 1, ...behind] = largest(lexicalScores);
  const mean = others.length === 0 ? best : meanOf(others);
  return {
    best,
    gap: best - (others[0] ?? best),
    mean,
    standout: (best - mean) / (spreadOf([best, ...others]).deviation + leastDeviation),
    firstStageLead: Math.log(lead / meanOf([lead, ...behind])),
  };
}

const largest = (values: readonly number[]): number[] =>
  values.toSorted((a, b) => b - a).slice(0, listFeatureDocuments);

/** Log-odds: with less between them documents hardly differ. */
const leastDeviation = 0.5;

const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The scores of a lexical first stage that {@link listFeatures} can take: all candidates have one, above 0. */
export function lexicalScoresOf({
  candidates,
  firstStage,
}: Pick<Shortlist, 'candidates' | 'firstStage'>): readonly number[] | undefined {
  if (firstStage !== 'lexical' || candidates.length === 0) return undefined;
  const scores = candidates.map(({ firstStageScore = Number.NaN }) => firstStageScore);
  return scores.every((score) => score > 0 && Number.isFinite(score)) ? scores : undefined;
}

/** The log-odds that a rule gives. */
export function logOddsOf(
  { bias, coefficients }: LogisticRule,
  features: Readonly<Record<string, number>>,
): number {
  return Object.entries(coefficients).reduce((sum, [name, weight]) => sum + weight * features[name]!, bias);
}

/** Probability of log-odds, in [0, 1]. */
export const logistic = (logOdds: number): number => 1 / (1 + Math.exp(-logOdds));

/**
 * The probabilities of one list; that of a document alone is its list's too.
 *
 * @param lexicalScores - See {@link lexicalScoresOf}. @defaultValue none
 */
export function relevanceOf(
  { hit, list, lexicalList = list }: RelevanceRules,
  features: readonly HitFeatures[],
  lexicalScores?: readonly number[],
): Relevance {
  const logOdds = features.map((each) => logOddsOf(hit, each));
  const hits = logOdds.map(logistic);
  const rule = lexicalScores ? lexicalList : list;
  if (!rule || features.length === 0) return { hits };
  if (hits.length === 1) return { hits, list: hits[0]! };
  return { hits, list: logistic(logOddsOf(rule, listFeatures(logOdds, lexicalScores))) };
}
