/** Pairs weighted by what changing their places would do to nDCG. Axes: `i` the better document, `j` the worse one. */
import * as g from '../../graph/operations/index.ts';
import { scalar, type Value } from '../../graph/value.ts';
import {
  documents,
  gainsOf,
  type Hidden,
  type ListLoss,
  listInput,
  maskFeed,
  pairFeed,
  pairInput,
  unreadable,
  visibleDocuments,
} from './list-loss.ts';
import { asRow, differences, logistic, total } from './pairs.ts';

/** Options of `lambdaLoss`. */
export interface LambdaLossOptions {
  /** Divides the margins. */
  readonly temperature: number;
  /** Depth of nDCG: places behind it are worth nothing. */
  readonly cutoff: number;
  /**
   * Share of the weights of nDCG-Loss2, which look at how many places lie between two documents; 0 leaves those of
   * LambdaRank alone. The paper's nDCG-Loss2++ adds 10 times the former.
   */
  readonly mu: number;
  /** Documents in no pair and on no place. */
  readonly hidden: Hidden;
}

/**
 * Sum over pairs whose gains differ of `weight log(1 + exp(-(s_i - s_j) / temperature))`, with
 * `weight = |gain_i - gain_j| (|1/D_i - 1/D_j| + mu |1/D(r) - 1/D(r + 1)|) / ideal DCG`, `D(r) = log2(1 + r)` at the places
 * `r_i` that the logits give now and `r = |r_i - r_j|` in the middle one. Weights count as constants. Equal logits have
 * places in the list's order. Gains are linear, as the measures' are.
 *
 * @param name - Put before the names of its inputs.
 *
 * Source: Wang et al., The LambdaLoss Framework for Ranking Metric Optimization (2018), equations 12, 17 and 18.
 */
export function lambdaLoss(name: string, { temperature, cutoff, mu, hidden }: LambdaLossOptions): ListLoss {
  const [visible, earlier] = [listInput(`${name}.visible`), pairInput(`${name}.earlier`)];
  const gains = pairInput(`${name}.gains`);
  return {
    value: (logits) => {
      const places = placesOf(g.add(g.detached(logits), visible), earlier);
      const weights = g.multiply(gains, placeWeights(places, { cutoff, mu }));
      return total(g.multiply(logistic(logits, temperature), weights));
    },
    feeds: (list) => {
      const isVisible = visibleDocuments(list, hidden);
      const own = gainsOf(list);
      const ideal = [...own]
        .sort((a, b) => b - a)
        .slice(0, cutoff)
        .reduce((sum, gain, i) => sum + gain / Math.log2(i + 2), 0);
      if (!(ideal > 0)) throw unreadable(list, 'expected a document with a gain above 0, found none');
      return {
        [`${name}.visible`]: maskFeed(isVisible),
        [`${name}.earlier`]: pairFeed(own.length, (i, j) => Number(j < i)),
        [`${name}.gains`]: pairFeed(own.length, (i, j) =>
          isVisible[i] && isVisible[j] ? Math.max(0, own[i]! - own[j]!) / ideal : 0,
        ),
      };
    },
  };
}

/** 1-based places by descending logits, float32 `[documents, 1]`. @param earlier - 1 where `j` stands before `i` in the list. */
function placesOf(logits: Value, earlier: Value): Value {
  const [column, row] = [g.unsqueeze(logits, 1), asRow(logits)];
  const above = g.cast(g.isGreater(row, column), 'float32');
  const below = g.cast(g.isGreater(column, row), 'float32');
  const equal = g.subtract(g.subtract(scalar(1), above), below);
  return g.add(g.sumLast(g.add(above, g.multiply(equal, earlier))), scalar(1));
}

/** What the places of two documents make of their difference in gain, float32 `[documents, documents]`. */
function placeWeights(places: Value, { cutoff, mu }: Pick<LambdaLossOptions, 'cutoff' | 'mu'>): Value {
  const flat = g.reshape(places, [documents], [-1]);
  const inside = g.cast(g.isGreater(scalar(cutoff + 0.5), flat), 'float32');
  const lambdaRank = g.absolute(differences(g.multiply(discountAt(flat), inside)));
  if (mu === 0) return lambdaRank;
  // A document's distance from itself is 0, whose discount is infinite; its pair has no weight.
  const apart = g.maximum(g.absolute(differences(flat)), scalar(1));
  const between = g.subtract(discountAt(apart), discountAt(g.add(apart, scalar(1))));
  return g.add(lambdaRank, g.multiply(between, scalar(mu)));
}

/** `1 / log2(1 + r)`. */
const discountAt = (places: Value): Value =>
  g.divide(scalar(Math.LN2), g.logarithm(g.add(places, scalar(1))));
