/** The logit of a candidate that was not read: an expectation, so that an order can hold read and unread ones. */

/**
 * How many deviations of the read candidates' logits an unread one stands below their mean.
 */
const deviationsBelow = 0.5;

/**
 * The logit of every candidate that was not read. Unread candidates stand behind one another in shortlist order: a read
 * candidate that the model thinks little of falls behind them, and fusion tells them apart by their first-stage scores.
 *
 * @param readLogits - Finite. Without any the logit is 0, so that the list keeps its order.
 */
export function unreadLogit(readLogits: readonly number[]): number {
  const count = readLogits.length;
  if (count === 0) return 0;
  const mean = readLogits.reduce((sum, logit) => sum + logit, 0) / count;
  const variance = readLogits.reduce((sum, logit) => sum + (logit - mean) ** 2, 0) / count;
  return mean - deviationsBelow * Math.sqrt(variance);
}
