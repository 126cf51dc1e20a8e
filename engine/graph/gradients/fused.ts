/** Gradients of fused operations: by a rule where every execution provider has the operator, else through their decompositions. */

import type { FusedType } from '../operation-types.ts';
import * as g from '../operations/index.ts';
import { scalar, type Value } from '../value.ts';
import { type GradientRule, type Gradients, numberLike, sumTo } from './gradient.ts';

/**
 * `dy · (Φ(x) + x · φ(x))` of the normal distribution and its density: `dy/2 · (1 + erf(x/√2) + x · √(2/π) / exp(x²/2))`. The
 * half stands at `dy`, where the runtime makes it a factor of the product that `dy` comes from.
 */
const ofGelu: GradientRule = ({ inputs, gradient: dy }) => {
  const [x] = inputs as readonly [Value];
  const z = g.multiply(x, numberLike(Math.SQRT1_2, x));
  // Far from 0 the exponential is infinite, and this 0.
  const bell = g.divide(x, g.exponential(g.multiply(z, z)));
  const sum = g.add(g.errorFunction(z), g.multiply(bell, numberLike(Math.sqrt(2 / Math.PI), x)));
  return [g.multiply(g.multiply(dy, numberLike(0.5, dy)), g.add(sum, numberLike(1, x)))];
};

/**
 * With `n` the normalised rows and `d = dy · scale`: `(d - mean(d) - n · mean(d · n)) / deviation`. The normalised rows are
 * computed a second time, which is one pass, and takes no memory on the way there.
 *
 * Source: Ba et al. (arXiv:1607.06450).
 */
const ofLayerNorm: GradientRule = ({ inputs, attributes, gradient }) => {
  const [x, scale, shift] = inputs as readonly [Value, Value, Value | undefined];
  const { rows, inverseDeviation } = g.standardisation(x, attributes);
  const dy = g.cast(gradient, 'float32');
  const byNormal = g.multiply(dy, rows);
  const d = g.multiply(dy, g.cast(scale, 'float32'));
  const along = g.multiply(rows, meanLast(g.multiply(d, rows)));
  const across = g.subtract(g.subtract(d, meanLast(d)), along);
  return [
    g.cast(g.multiply(across, inverseDeviation), x.type),
    g.cast(sumTo(byNormal, scale), scale.type),
    shift && g.cast(sumTo(dy, shift), shift.type),
  ];
};

const meanLast = (x: Value): Value => g.multiply(g.sumLast(x), scalar(1 / Number(x.shape.at(-1))));

/** By type. */
export const fusedGradients: Gradients<FusedType> = {
  Softmax: ({ output: y, gradient: dy }) => [g.multiply(y, g.subtract(dy, g.sumLast(g.multiply(dy, y))))],
  Gelu: ofGelu,
  LayerNormalization: ofLayerNorm,
  SimplifiedLayerNormalization: 'decomposed',
  SkipSimplifiedLayerNormalization: 'decomposed',
  QuickGelu: 'decomposed',
  RotaryEmbedding: 'decomposed',
  GroupQueryAttention: 'decomposed',
};
