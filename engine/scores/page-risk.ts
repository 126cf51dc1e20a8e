/**
 * How probable it is that the first ranks of a list would be held by other documents if the rest of the list were read: a
 * logistic rule over what was read. It supposes that what is left scores as the later half of what was read did, with the
 * first stage's part of its score, which is known.
 */
import { maxZ, zScale } from './fusion-scores.ts';
import { type LogisticRule, logistic, logOddsOf } from './relevance.ts';

/** A list of which a part was read. */
export interface PartlyReadList {
  /** The documents that were read, in shortlist order. */
  readonly read: readonly { readonly index: number; readonly logit: number }[];
  /** The first stage's scores, one a candidate. */
  readonly firstStageScores: readonly (number | undefined)[];
  /** The first stage's share in the order of the page, in [0, 1]. */
  readonly firstStageWeight: number;
  /** Ranks of the page, at least 1. */
  readonly page: number;
}

/**
 * What tells the risk: `entrants`, the log of the number of unread documents that would be expected on the page. Scores are
 * `(1 - w) z(logit) + w z(first stage)`, z over what was read.
 */
export type PageFeatures = Readonly<Record<'entrants', number>>;

/** Kept inside the logarithm of the expected number. */
const leastEntrants = 1e-3;

/** Documents from which a page can be judged. */
export const leastRead = (page: number): number => 2 * page;

/**
 * Fitted with `scripts/fit-stopping.ts` to 65 BM25 lists of eight training collections (November 2026): of lists that it had
 * not seen, 11 % had another page at a risk of .2, with 89 % of the documents read. How many documents are left, how many
 * of the latest ones are on the page, its edge, and similarities of token averages told no more.
 */
export const pageRule: LogisticRule = { bias: -0.7347, coefficients: { entrants: 1.0598 } };

/**
 * Probability, in [0, 1], that reading the rest would change which documents are on the page: 0 when nothing is left, 1
 * while fewer than {@link leastRead} were read.
 */
export function pageRisk(list: PartlyReadList, rule: LogisticRule = pageRule): number {
  const { read, firstStageScores, page } = list;
  if (read.length >= firstStageScores.length) return 0;
  if (read.length < leastRead(page)) return 1;
  return logistic(logOddsOf(rule, pageFeatures(list)));
}

/** See {@link PageFeatures}; more documents than a page were read, and fewer than all. */
export function pageFeatures({
  read,
  firstStageScores,
  firstStageWeight: w,
  page,
}: PartlyReadList): PageFeatures {
  const scale = zScale(read.map(({ logit }) => logit)) ?? (() => 0);
  const firstStage = zScale(read.map(({ index }) => firstStageScores[index] ?? Number.NaN));
  const share = firstStage ? w : 0;
  const known = (index: number): number =>
    share * clipped(firstStage?.(firstStageScores[index] ?? Number.NaN) ?? 0);
  const z = read.map(({ logit }) => clipped(scale(logit)));
  const scores = z.map((value, i) => (1 - share) * value + known(read[i]!.index));
  const edge = [...scores].sort((a, b) => b - a)[page - 1]!;
  const later = z.slice(Math.floor(z.length / 2));
  const mean = later.reduce((sum, value) => sum + value, 0) / later.length;
  const isReadAt = new Set(read.map(({ index }) => index));
  const unread = [...firstStageScores.keys()].filter((index) => !isReadAt.has(index));
  const entrants = unread.reduce(
    (sum, index) => sum + normalTail((edge - known(index)) / Math.max(1e-9, 1 - share) - mean),
    0,
  );
  return { entrants: Math.log(entrants + leastEntrants) };
}

/** Fusion clips z-scores likewise. */
const clipped = (z: number): number => Math.max(-maxZ, Math.min(maxZ, z));

/**
 * Part of a standard normal distribution above `z`, to 2e-4.
 *
 * Source: Bowling, Khasawneh, Kaewkuekool, Cho, "A logistic approximation to the cumulative normal distribution", 2009.
 */
function normalTail(z: number): number {
  return logistic(-(0.07056 * z ** 3 + 1.5976 * z));
}
