/** What guesses of their anchors say of documents: which of them are worth reading, and where the others rank. */
import { statisticalTopK } from '../../readout/statistical-top-k.ts';
import { dotRows } from '../../readout/vectors.ts';
import { zScores } from '../../scores/fusion-scores.ts';
import { spreadOf } from '../../scores/spread.ts';
import type { GuessedDocument } from '../../states/anchor-guesses.ts';

/** How many documents go on. */
export interface KeepBounds {
  /** Share of the documents, above 0 and below 1; rounded up to whole documents. */
  readonly keep: number;
  /** Least number of documents. */
  readonly minKeep: number;
  /** Largest number of documents. */
  readonly maxKeep: number;
}

/** One score a document. */
export interface GuessScores {
  /** Cosine of the query's anchor and the guess of the document's, of its blocks the largest. */
  readonly cosines: readonly number[];
  /** The cosines' z-scores, and the first stage's by its share. */
  readonly scores: readonly number[];
}

/** The cosine of a document whose guess holds no numbers. */
const unlike = -1;

/** What is known of the documents and the query. */
export interface Guessed {
  readonly documents: readonly GuessedDocument[];
  /** The query block's anchor. */
  readonly anchor: Float32Array;
  /** One a document; a missing one counts as the least. */
  readonly firstStageScores: readonly (number | undefined)[];
  /** The first stage's share, in [0, 1]. */
  readonly firstStageWeight: number;
}

/** Scores documents: `(1 - w) z(cosine) + w z(first stage)`; cosines alone where the first stage gave no scores. */
export function scoreGuesses({
  documents,
  anchor,
  firstStageScores,
  firstStageWeight,
}: Guessed): GuessScores {
  const query = { rows: anchor, row: 0 };
  const cosines = documents.map(({ anchors }) => {
    const best = Math.max(...anchors.map((rows) => dotRows(query, { rows, row: 0 }, anchor.length)));
    return Number.isFinite(best) ? best : unlike;
  });
  const own = zScores(cosines) ?? cosines.map(() => 0);
  const first = zScores(firstStageScores.map((score) => score ?? Number.NaN));
  const w = first ? firstStageWeight : 0;
  return { cosines, scores: own.map((z, i) => (1 - w) * z + w * (first?.[i] ?? 0)) };
}

/** Indices of the documents that go on, ascending. */
export function chooseDocuments({ scores }: GuessScores, { keep, minKeep, maxKeep }: KeepBounds): number[] {
  const bounds = { keep: Math.ceil(keep * scores.length), minKeep, maxKeep };
  return statisticalTopK(scores, bounds);
}

/**
 * Logits of documents that were dropped: below the least of those that went on, by as much as the guesses' scores are
 * apart, in the scale in which the anchor head reads cosines.
 *
 * @param least - Logit of the least document that went on.
 * @param tau - Temperature of the anchor head.
 */
export function droppedLogits(
  { cosines, scores }: GuessScores,
  kept: readonly number[],
  { least, tau }: { readonly least: number; readonly tau: number },
): number[] {
  const leastScore = kept.reduce((low, i) => Math.min(low, scores[i]!), Number.POSITIVE_INFINITY);
  const logitOfZ = spreadOf(cosines).deviation / tau;
  return scores.map((score) => least - logitOfZ * Math.max(0, leastScore - score));
}
