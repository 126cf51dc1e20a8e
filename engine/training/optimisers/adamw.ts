/** AdamW's rule for one tensor. */
import type { TrainedTensor } from '../trainer/trainee.ts';
import type { AdamWSettings } from './settings.ts';
import { biasCorrection, type TensorRule, zeros } from './tensor-rule.ts';

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
      const [ofMean, ofSquares] = [biasCorrection(beta1, step), biasCorrection(beta2, step)];
      const out = new Float32Array(gradient.length);
      const [means, squares] = [m.data, v.data];
      // A hot loop over tables of millions of numbers: one pass, without a call a number.
      for (let i = 0; i < out.length; i += 1) {
        means[i] = beta1 * means[i]! + (1 - beta1) * gradient[i]!;
        squares[i] = beta2 * squares[i]! + (1 - beta2) * gradient[i]! ** 2;
        out[i] = means[i]! / ofMean / (Math.sqrt(squares[i]! / ofSquares) + epsilon);
      }
      return out;
    },
  };
}
