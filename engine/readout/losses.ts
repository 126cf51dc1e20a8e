/** Losses that BlockRank is trained with, computed forward. Source: BlockRank (arXiv:2510.05396) and its public code. */
import { logSumExp } from './softmax.ts';

/**
 * InfoNCE over the documents' masses: `-(LSE of positives - LSE of all)` of `mass / tau`.
 *
 * @param positives - Positions of the relevant documents.
 */
export function auxiliaryLoss(masses: Float64Array, positives: readonly number[], tau: number): number {
  const logits = masses.map((mass) => mass / tau);
  return logSumExp(logits) - logSumExp(positives.map((index) => logits[index]!));
}

/**
 * Mean cross-entropy of the tokens that come next.
 *
 * @param logits - Row-major, shape `[tokens, vocabulary]`.
 * @param ids - The tokens that follow.
 */
export function nextTokenLoss(logits: Float32Array, ids: readonly number[]): number {
  const vocabulary = logits.length / ids.length;
  const losses = ids.map((id, row) => {
    const own = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
    return logSumExp(own) - own[id]!;
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}
