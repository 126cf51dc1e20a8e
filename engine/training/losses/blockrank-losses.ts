/**
 * The losses that BlockRank is trained with, as values of a graph. Axes: `K` key heads, `G` query heads of each, `S` signal
 * tokens, `M` tokens of documents, `N` documents, `C` tokens of the completion, `V` vocabulary.
 *
 * Source: BlockRank (arXiv:2510.05396) and its public code, which takes the mean over signal tokens where the paper has a sum.
 */

import { maskedLogit } from '../../graph/masked-logit.ts';
import * as g from '../../graph/operations/index.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import { input, scalar, times, type Value } from '../../graph/value.ts';
import { logSumExp } from './softmax.ts';

/** What the losses of one list read besides logits. */
export interface LossInputs {
  /** 1 where a token is one of a document's, float32 `[M, N]`; every token is one of some document's. */
  readonly membership: Value;
  /** 0 for a relevant document, a very negative number for another, float32 `[N]`. */
  readonly positives: Value;
  /** Where each token of the completion stands in the row by row logits, int64 `[C]`. */
  readonly targets: Value;
  /** How much each token of the completion counts, float32 `[C, 1]`. */
  readonly targetWeights: Value;
}

/** Inputs that {@link toLossFeeds} feeds. */
export function lossInputs(): LossInputs {
  return {
    membership: input('membership', 'float32', ['M', 'documents']),
    positives: input('positives', 'float32', ['documents']),
    targets: input('targets', 'int64', ['C']),
    targetWeights: input('targetWeights', 'float32', ['C', 1]),
  };
}

/**
 * Feeds of {@link lossInputs}.
 *
 * @param documentTokens - Tokens of each document, in the order in which their keys stand.
 * @param positives - Places of the relevant documents in that order.
 * @throws RangeError when no document, or one that there is not, is relevant, or when nothing is to be completed.
 */
export function toLossFeeds({
  documentTokens,
  positives,
  completion,
  vocabulary,
}: {
  readonly documentTokens: readonly number[];
  readonly positives: readonly number[];
  readonly completion: readonly number[];
  readonly vocabulary: number;
}): Record<keyof LossInputs, TensorValue> {
  const N = documentTokens.length;
  const C = completion.length;
  if (positives.length === 0 || positives.some((place) => !(place in documentTokens))) {
    throw new RangeError(`toLossFeeds: expected relevant documents of ${N}, got [${positives.join(', ')}].`);
  }
  if (C === 0) throw new RangeError('toLossFeeds: expected a completion, got none.');
  const M = documentTokens.reduce((sum, tokens) => sum + tokens, 0);
  const membership = new Float32Array(M * N);
  let row = 0;
  documentTokens.forEach((tokens, n) => {
    for (let j = 0; j < tokens; j += 1, row += 1) membership[row * N + n] = 1;
  });
  const hidden = new Float32Array(N).fill(maskedLogit);
  for (const place of positives) hidden[place] = 0;
  const targets = BigInt64Array.from(completion, (id, c) => BigInt(c * vocabulary + id));
  return {
    membership: { type: 'float32', shape: [M, N], data: membership },
    positives: { type: 'float32', shape: [N], data: hidden },
    targets: { type: 'int64', shape: [C], data: targets },
    targetWeights: { type: 'float32', shape: [C, 1], data: new Float32Array(C).fill(1 / C) },
  };
}

/** Masses of documents, float32 `[N]`, from signal tokens' logits `[K, G·S, M]`: each row's softmax, summed by document, their mean over rows. */
export function documentMasses(logits: Value, { membership }: LossInputs): Value {
  const byRow = g.matmul(g.softmax(logits), membership);
  const sums = g.sumOver(byRow, [0, 1], { keeps: false });
  // Each row sums to 1, so all masses together are the number of rows.
  return g.divide(sums, g.sumLast(sums));
}

/**
 * InfoNCE over masses, float32 `[]`: `LSE of all - LSE of positives` of `mass / tau`.
 *
 * @param places - `positives` as in {@link LossInputs}; `visible`, 0 for a document that counts and a very negative number
 *   for another, float32 `[N]`: all count without it.
 * @param tau - Temperature; the paper has .05.
 */
export function auxiliaryLoss(
  masses: Value,
  { positives, visible }: Pick<LossInputs, 'positives'> & { readonly visible?: Value },
  tau: number,
): Value {
  const logits = g.multiply(masses, scalar(1 / tau));
  const all = visible ? g.add(logits, visible) : logits;
  const loss = g.subtract(logSumExp(all), logSumExp(g.add(logits, positives)));
  return g.sumOver(loss, [0], { keeps: false });
}

/** Weighted mean of the cross-entropy of the tokens that come next, float32 `[]`. @param logits - `[C, V]`. */
export function nextTokenLoss(logits: Value, { targets, targetWeights }: LossInputs): Value {
  const all = g.reshape(logits, [logits.shape.reduce(times, 1), 1], [-1, 1]);
  const losses = g.subtract(logSumExp(logits), g.gather(all, targets));
  return g.sumOver(g.multiply(losses, targetWeights), [0, 1], { keeps: false });
}
