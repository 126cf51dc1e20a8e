/** Losses between the distribution over a list's documents that the logits give and one that is wanted. */
import * as g from '../../graph/operations/index.ts';
import { input, scalar, type Value } from '../../graph/value.ts';
import type { TrainingList } from '../trainer/training-list.ts';
import {
  gainsOf,
  type Hidden,
  type ListLoss,
  listFeed,
  listInput,
  logitsOf,
  maskFeed,
  unreadable,
  visibleDocuments,
} from './list-loss.ts';
import { logSoftmax } from './softmax.ts';

/** Options of `divergence`. */
export interface DivergenceOptions {
  /** Divides the logits of the trained model. The loss is multiplied by its square, so that gradients keep their size. */
  readonly temperature: number;
  /** Divides the logits of the other model. */
  readonly otherTemperature: number;
  /** Documents that neither distribution counts. */
  readonly hidden: Hidden;
}

/**
 * `temperature² KL(other || trained)` between the softmaxes of two models' logits over one list; 0 where both agree.
 *
 * @param name - Put before the names of its inputs.
 * @param from - The logits of the other model among those of a list.
 *
 * Source: Hinton et al. (arXiv:1503.02531), section 2, with a list's documents as classes.
 */
export function divergence(
  name: string,
  from: 'teacherLogits' | 'startLogits',
  { temperature, otherTemperature, hidden }: DivergenceOptions,
): ListLoss {
  const entropy = input(`${name}.negativeEntropy`, 'float32', []);
  const crossed = crossEntropy(name, temperature);
  return {
    value: (logits) => g.multiply(g.add(crossed.value(logits), entropy), scalar(temperature * temperature)),
    feeds: (list) => {
      const visible = visibleDocuments(list, hidden);
      const wanted = softmaxOf(logitsOf(list, from), visible, otherTemperature);
      const negative = wanted.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);
      return {
        ...crossed.feeds(wanted, visible),
        [`${name}.negativeEntropy`]: { type: 'float32', shape: [], data: Float32Array.of(negative) },
      };
    },
  };
}

/** Options of `listNet`. */
export interface ListNetOptions {
  /** Divides the logits. */
  readonly temperature: number;
  /**
   * What is wanted: `shares`, each document's part of the sum of gains, so that documents without gain want nothing; or
   * `softmax` of the gains, as published.
   */
  readonly targets: 'shares' | 'softmax';
  /** Documents that the loss does not count. */
  readonly hidden: Hidden;
}

/**
 * Cross-entropy of the logits' softmax against a distribution made of gains.
 *
 * @param name - Put before the names of its inputs.
 *
 * Source: Cao et al., Learning to Rank: From Pairwise Approach to Listwise Approach (2007), top-one probabilities.
 */
export function listNet(name: string, { temperature, targets, hidden }: ListNetOptions): ListLoss {
  const crossed = crossEntropy(name, temperature);
  return {
    value: crossed.value,
    feeds: (list) => {
      const visible = visibleDocuments(list, hidden);
      const gains = gainsOf(list);
      const wanted = targets === 'softmax' ? softmaxOf(gains, visible, 1) : sharesOf(gains, list);
      return crossed.feeds(wanted, visible);
    },
  };
}

/** `-Σ wanted log softmax(logits / temperature)`, float32 `[]`, and its feeds. */
function crossEntropy(name: string, temperature: number) {
  const [target, visible] = [listInput(`${name}.target`), listInput(`${name}.visible`)];
  return {
    value: (logits: Value): Value => {
      const scaled = g.add(g.multiply(logits, scalar(1 / temperature)), visible);
      const crossed = g.multiply(logSoftmax(scaled), g.multiply(target, scalar(-1)));
      return g.sumOver(crossed, [0], { keeps: false });
    },
    feeds: (wanted: readonly number[], isVisible: readonly boolean[]): ReturnType<ListLoss['feeds']> => ({
      [`${name}.target`]: listFeed(Float32Array.from(wanted)),
      [`${name}.visible`]: maskFeed(isVisible),
    }),
  };
}

/** A document with a gain is judged, so none of them is hidden. */
function sharesOf(gains: readonly number[], list: TrainingList): number[] {
  const total = gains.reduce((sum, gain) => sum + gain, 0);
  if (!(total > 0)) throw unreadable(list, 'expected a document with a gain above 0, found none');
  return gains.map((gain) => gain / total);
}

function softmaxOf(logits: ArrayLike<number>, visible: readonly boolean[], temperature: number): number[] {
  const scaled = Array.from(logits, (logit, i) => (visible[i] ? logit / temperature : -Infinity));
  const largest = scaled.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const exponentials = scaled.map((logit) => Math.exp(logit - largest));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}
