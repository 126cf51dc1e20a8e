/**
 * Where candidates stand that were not read in time: below all that were, in shortlist order.
 *
 * Measured on lists of training sets (BM25, 50 candidates; the first 2 to 30 read; November 2026): below the read ones,
 * nDCG@10 is never under the first stage's. An expectation in place of a logit (the mean of the read ones, or up to one
 * deviation below it) loses up to .03 when few are read, since a document that the model thinks little of then falls
 * behind all that nobody has read.
 */
import type { RankedCandidate } from '../contract.ts';

/** Whether the candidate was read. */
export function isRead(candidate: Pick<RankedCandidate, 'isRead'>): boolean {
  return candidate.isRead !== false;
}

/**
 * The logit of every candidate that was not read: one deviation of the read candidates' logits below the lowest of
 * them, 1 where they do not deviate. Equal, so that they keep shortlist order.
 *
 * @param readLogits - Finite. Without any the logit is 0.
 */
export function unreadLogit(readLogits: readonly number[]): number {
  const count = readLogits.length;
  if (count === 0) return 0;
  const mean = readLogits.reduce((sum, logit) => sum + logit, 0) / count;
  const deviation = Math.sqrt(readLogits.reduce((sum, logit) => sum + (logit - mean) ** 2, 0) / count);
  const lowest = readLogits.reduce((least, logit) => Math.min(least, logit));
  return lowest - (deviation > 1e-6 * Math.max(1, Math.abs(lowest)) ? deviation : 1);
}
