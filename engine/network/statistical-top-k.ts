/**
 * Statistical top-k as a graph: means, a square root, a comparison; no sort. The numbers without a graph, and with guard
 * rails: `engine/readout/statistical-top-k.ts`.
 *
 * Source: Spark Transformer (arXiv:2506.06644).
 */
import { maskedLogit } from '../graph/masked-logit.ts';
import * as g from '../graph/operations/index.ts';
import { scalar, type Value } from '../graph/value.ts';
import { normalQuantile } from '../readout/statistical-top-k.ts';

/** What {@link statisticalTopK} gives; `D` is the last axis. */
export type StatisticalTopKOutputs = {
  /** `theta`, shape `[..., 1]`. */
  readonly threshold: Value;
  /** Soft threshold `max(x - theta, 0)`, shape `[..., D]`: about `k` elements of a row are above 0. */
  readonly soft: Value;
  /** `x` where it is above `theta`, a very negative number elsewhere, as attention logits are masked; shape `[..., D]`. */
  readonly masked: Value;
};

/**
 * About the `k` largest elements of each row, by `theta = mean + std · Q(1 - k/D)`. The gradient runs through mean and
 * standard deviation too; of a row whose elements are all equal, it is none.
 *
 * @param x - float32, shape `[..., D]`; `D` is a number.
 * @throws RangeError when `D` is known only when the graph runs, or `k` is not above 0 and below `D`.
 */
export function statisticalTopK(x: Value, k: number): StatisticalTopKOutputs {
  const D = x.shape.at(-1);
  if (typeof D !== 'number' || !(k > 0 && k < D)) {
    throw new RangeError(`statisticalTopK: expected k above 0 and below a length, got ${k} of ${String(D)}.`);
  }
  const mean = meanLast(x, D);
  const centred = g.subtract(x, mean);
  // At least the square of the smallest spread that counts: the square root has no slope at 0.
  const variance = g.maximum(meanLast(g.multiply(centred, centred), D), scalar(1e-30));
  const spread = g.multiply(g.squareRoot(variance), scalar(normalQuantile(1 - k / D)));
  const above = g.subtract(centred, spread);
  const isKept = g.cast(g.isGreater(above, scalar(0)), 'float32');
  const mask = g.multiply(g.subtract(scalar(1), isKept), scalar(maskedLogit));
  return {
    threshold: g.add(mean, spread),
    soft: g.maximum(above, scalar(0)),
    masked: g.add(g.multiply(x, isKept), mask),
  };
}

const meanLast = (x: Value, length: number): Value => g.multiply(g.sumLast(x), scalar(1 / length));
