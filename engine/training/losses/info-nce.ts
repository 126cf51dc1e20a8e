/** BlockRank's loss over the masses of a list's documents. */
import * as g from '../../graph/operations/index.ts';
import { auxiliaryLoss } from './blockrank-losses.ts';
import {
  gainsOf,
  type Hidden,
  type ListLoss,
  listInput,
  maskFeed,
  unreadable,
  visibleDocuments,
} from './list-loss.ts';

/** Options of `infoNce`. */
export interface InfoNceOptions {
  /** Divides the masses, which lie in [0, 1]. The paper has .05. */
  readonly temperature: number;
  /** Documents with a gain above it are positives. */
  readonly threshold: number;
  /** Documents that neither the masses nor the loss count. */
  readonly hidden: Hidden;
}

/**
 * `LSE of all documents - LSE of positives`, both of `mass / temperature`, where masses are the softmax of the logits: for
 * one positive the negative logarithm of its share, for several that of their shares together.
 *
 * @param name - Put before the names of its inputs.
 *
 * Source: BlockRank (arXiv:2510.05396), section 3.3, and its public code for several positives.
 */
export function infoNce(name: string, { temperature, threshold, hidden }: InfoNceOptions): ListLoss {
  const [visible, positives] = [listInput(`${name}.visible`), listInput(`${name}.positives`)];
  return {
    value: (logits) => auxiliaryLoss(g.softmax(g.add(logits, visible)), { positives, visible }, temperature),
    feeds: (list) => {
      const isPositive = gainsOf(list).map((gain) => gain > threshold);
      if (!isPositive.includes(true)) {
        throw unreadable(list, `expected a document with a gain above ${threshold}, found none`);
      }
      return {
        [`${name}.visible`]: maskFeed(visibleDocuments(list, hidden)),
        [`${name}.positives`]: maskFeed(isPositive),
      };
    },
  };
}
