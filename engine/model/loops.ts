/** A model whose layers loop, looped another number of times than in training. */
import type { ModelAtDepth } from './depth.ts';

/**
 * The model with so many loops. Weights, readout and digest stay what they were.
 *
 * @param loops - How often the looped block is applied, at least 1. @defaultValue as in training
 * @throws RangeError when its layers do not loop.
 */
export function withLoops(model: ModelAtDepth, loops: number | undefined): ModelAtDepth {
  const { config } = model;
  if (loops === undefined || loops === config.loops) return model;
  if (!config.blocks) throw new RangeError('withLoops: expected a model whose layers loop, got none.');
  return { ...model, config: { ...config, loops }, loops };
}
