/** Gradients of fused operations: by a rule where every execution provider has the operator, else through their decompositions. */

import type { FusedType } from '../operation-types.ts';
import * as g from '../operations/index.ts';
import { operationOf } from '../order.ts';
import { scalar, type Value } from '../value.ts';
import { type GradientRule, type Gradients, numberLike, sumTo } from './gradient.ts';
import { scaled } from './linear.ts';

/**
 * `dy · (Φ(x) + x · φ(x))` of the normal distribution and its density: `dy/2 · (1 + erf(x/√2) + x · √(2/π) / exp(x²/2))`. The
 * half stands at `dy`, where it costs nothing in the product that `dy` comes from.
 */
const ofGelu: GradientRule = ({ inputs, gradient: dy }) => {
  const [x] = inputs as readonly [Value];
  const z = g.multiply(x, numberLike(Math.SQRT1_2, x));
  // Far from 0 the exponential is infinite, and this 0.
  const bell = g.divide(x, g.exponential(g.multiply(z, z)));
  const sum = g.add(g.errorFunction(z), g.multiply(bell, numberLike(Math.sqrt(2 / Math.PI), x)));
  return [g.multiply(scaled(dy, 0.5), g.add(sum, numberLike(1, x)))];
};

/**
 * With `n` the normalised rows and `d = dy · scale`: `(d - mean(d) - n · mean(d · n)) / deviation`. The normalised rows are
 * computed a second time, which is one pass, and takes no memory on the way there.
 *
 * Source: Ba et al. (arXiv:1607.06450).
 */
const ofLayerNorm: GradientRule = ({ inputs, attributes, gradient, shapedLike }) => {
  const [x, scale, shift] = inputs as readonly [Value, Value, Value | undefined];
  const { rows, inverseDeviation } = g.standardisation(x, attributes);
  const dy = g.cast(gradient, 'float32');
  const byNormal = g.multiply(dy, rows);
  const factors = g.cast(scale, 'float32');
  const W = Number(x.shape.at(-1));
  // mean(z · scale) as a product with a column: one pass that writes next to nothing.
  const column = g.multiply(g.unsqueeze(factors, 1), scalar(1 / W));
  const along = g.multiply(rows, g.matmul(byNormal, column));
  const across = g.subtract(g.subtract(g.multiply(dy, factors), g.matmul(dy, column)), along);
  const like = shapedLike(x);
  return [
    g.cast(g.multiply(across, inverseDeviation), x.type),
    g.cast(sumTo(byNormal, scale, like), scale.type),
    shift && g.cast(sumTo(dy, shift, like), shift.type),
  ];
};

/**
 * `y · (dy - sum(dy · y))` over the last axis. Where `y` weighs rows and `dy = d · vᵀ` comes of that, the sum is `sum(d · (y · v))`,
 * whose rows are a head's values and not a block's tokens; the product is the forward pass's own.
 *
 * Source: Dao et al. (arXiv:2205.14135).
 */
const ofSoftmax: GradientRule = ({ output: y, gradient: dy }) => {
  const weighing = operationOf(dy);
  const [d, turned] = weighing?.type === 'MatMul' ? (weighing.inputs as readonly [Value, Value]) : [];
  const values = turned && g.turnedFrom(turned);
  const along = values ? g.multiply(d!, g.matmul(y, values)) : g.multiply(dy, y);
  return [g.multiply(y, g.subtract(dy, g.sumLast(along)))];
};

/** By type. */
export const fusedGradients: Gradients<FusedType> = {
  Softmax: ofSoftmax,
  Gelu: ofGelu,
  LayerNormalization: ofLayerNorm,
  SimplifiedLayerNormalization: 'decomposed',
  SkipSimplifiedLayerNormalization: 'decomposed',
  QuickGelu: 'decomposed',
  RotaryEmbedding: 'decomposed',
  GroupQueryAttention: 'decomposed',
};
