/** Gradients of fused operations: through their decompositions, but for softmax. */

import type { FusedType } from '../operation-types.ts';
import * as g from '../operations/index.ts';
import type { Gradients } from './gradient.ts';

/** By type. */
export const fusedGradients: Gradients<FusedType> = {
  Softmax: ({ output: y, gradient: dy }) => [g.multiply(y, g.subtract(dy, g.sumLast(g.multiply(dy, y))))],
  Gelu: 'decomposed',
  LayerNormalization: 'decomposed',
  SimplifiedLayerNormalization: 'decomposed',
  SkipSimplifiedLayerNormalization: 'decomposed',
  QuickGelu: 'decomposed',
  RotaryEmbedding: 'decomposed',
  GroupQueryAttention: 'decomposed',
};
