/** AdamW's rule for one tensor. */
import type { TrainedTensor } from '../trainer/trainee.ts';
import type { AdamWSettings } from './settings.ts';
import { biasCorrection, moveAverage, type TensorRule, zeros } from './tensor-rule.ts';

/**
 * The direction `m̂ / (√v̂ + ε)`, where `m̂` and `v̂` are averages of the gradients and of their squares, corrected for their
 * start at 0. State: `m` and `v`, of the tensor's shape.
 *
 * Source: Adam, arXiv:1412.6980, algorithm 1. The decay is decoupled (arXiv:1711.05101) and stands where rules are applied.
 */
export function adamWRule(
  { shape }: TrainedTensor,
  { beta1, beta2, epsilon }: Pick<AdamWSettings, 'beta1' | 'beta2' | 'epsilon'>,
): TensorRule {
  const m = zeros(shape);
  const v = zeros(shape);
  return {
    state: { m, v },
    direction(gradient, step) {
      moveAverage(m.data, beta1, (i) => gradient[i]!);
      moveAverage(v.data, beta2, (i) => gradient[i]! ** 2);
      const [ofMean, ofSquares] = [biasCorrection(beta1, step), biasCorrection(beta2, step)];
      return m.data.map((mean, i) => mean / ofMean / (Math.sqrt(v.data[i]! / ofSquares) + epsilon));
    },
  };
}
