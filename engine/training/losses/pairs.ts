/** Losses over each two documents of a list. Axes: `i` the better document, `j` the worse one. */
import * as g from '../../graph/operations/index.ts';
import { scalar, type Value } from '../../graph/value.ts';
import type { TrainingList } from '../trainer/training-list.ts';
import {
  documents,
  gainsOf,
  type Hidden,
  type ListLoss,
  listFeed,
  listInput,
  logitsOf,
  pairFeed,
  pairInput,
  unreadable,
  visibleDocuments,
} from './list-loss.ts';

/** Options of `marginMse`. */
export interface MarginMseOptions {
  /** `all` pairs of documents, or those of a `positive` (gain above 0) against one of gain 0. */
  readonly pairs: 'all' | 'positives';
  /** The teacher's logits are multiplied by it, so that its margins have the size of the trained model's. */
  readonly teacherScale: number;
  /** Documents in no pair. */
  readonly hidden: Hidden;
}

/**
 * Mean over pairs of the squared difference between the margins of two models: `((s_i - s_j) - (t_i - t_j))²`.
 *
 * @param name - Put before the names of its inputs.
 *
 * Source: Hofstätter et al. (arXiv:2010.02666), equation 5, there for a positive and a negative.
 */
export function marginMse(name: string, { pairs, teacherScale, hidden }: MarginMseOptions): ListLoss {
  const [teacher, weights] = [listInput(`${name}.teacher`), pairInput(`${name}.pairs`)];
  return {
    value: (logits) => {
      const margins = differences(g.subtract(logits, teacher));
      return total(g.multiply(g.multiply(margins, margins), weights));
    },
    feeds: (list) => {
      const logits = logitsOf(list, 'teacherLogits').map((logit) => logit * teacherScale);
      const gains = gainsOf(list);
      const counts = (i: number, j: number): number =>
        pairs === 'all' ? Number(i < j) : Number(gains[i]! > 0 && gains[j] === 0);
      return {
        [`${name}.teacher`]: listFeed(logits),
        [`${name}.pairs`]: meanWeights(list, hidden, counts),
      };
    },
  };
}

/** Options of `rankNet`. */
export interface RankNetOptions {
  /** Divides the margins. */
  readonly temperature: number;
  /** Documents in no pair. */
  readonly hidden: Hidden;
}

/**
 * Mean of `log(1 + exp(-(s_i - s_j) / temperature))` over pairs whose gains differ, weighted by that difference.
 *
 * @param name - Put before the names of its inputs.
 *
 * Source: Burges et al., Learning to Rank using Gradient Descent (2005), equation 3.
 */
export function rankNet(name: string, { temperature, hidden }: RankNetOptions): ListLoss {
  const weights = pairInput(`${name}.pairs`);
  return {
    value: (logits) => total(g.multiply(logistic(logits, temperature), weights)),
    feeds: (list) => {
      const gains = gainsOf(list);
      const counts = (i: number, j: number): number => Math.max(0, gains[i]! - gains[j]!);
      return { [`${name}.pairs`]: meanWeights(list, hidden, counts) };
    },
  };
}

/** `log(1 + exp(-(s_i - s_j) / temperature))`, float32 `[documents, documents]`. */
export function logistic(logits: Value, temperature: number): Value {
  const margins = g.multiply(differences(logits), scalar(-1 / temperature));
  const size = g.absolute(margins);
  // (x + |x|) / 2 has the gradient 1/2 at 0, where max(x, 0) has none: equal logits are where training starts.
  const positive = g.multiply(g.add(margins, size), scalar(0.5));
  const rest = g.logarithm(g.add(g.exponential(g.multiply(size, scalar(-1))), scalar(1)));
  return g.add(positive, rest);
}

/** `x_i - x_j`, `[documents, documents]`. */
export const differences = (x: Value): Value => g.subtract(g.unsqueeze(x, 1), asRow(x));

/** One number a document, as a row `[1, documents]`. */
export const asRow = (x: Value): Value => g.reshape(x, [1, documents], [1, -1]);

/** Sum over all pairs, float32 `[]`. */
export const total = (pairs: Value): Value => g.sumOver(pairs, [0, 1], { keeps: false });

/** Weights of pairs of visible documents, divided by their sum. @throws TrainingListError when no pair has one. */
function meanWeights(
  list: TrainingList,
  hidden: Hidden,
  weight: (i: number, j: number) => number,
): ReturnType<typeof pairFeed> {
  const isVisible = visibleDocuments(list, hidden);
  const count = isVisible.length;
  const own = (i: number, j: number): number => (isVisible[i] && isVisible[j] ? weight(i, j) : 0);
  let sum = 0;
  for (let i = 0; i < count; i += 1) for (let j = 0; j < count; j += 1) sum += own(i, j);
  if (!(sum > 0)) throw unreadable(list, 'expected two documents to compare that are not hidden, found none');
  return pairFeed(count, (i, j) => own(i, j) / sum);
}
