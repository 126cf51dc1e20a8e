/** How one tensor moves, and what it remembers of its gradients. */
import type { TrainedTensor } from '../trainer/trainee.ts';

/** A rule for one tensor. */
export interface TensorRule {
  /** What it remembers, by name; the rule changes the numbers in place. */
  readonly state: Readonly<Record<string, TrainedTensor>>;
  /**
   * Takes a gradient in and says where the tensor should go.
   *
   * @param gradient - Row-major, finite.
   * @param step - 1 for the first one.
   * @returns What is taken from the tensor, before the learning rate.
   */
  direction(gradient: Float32Array, step: number): Float32Array;
}

/** State of the given shape, zeros. */
export function zeros(shape: readonly number[]): TrainedTensor {
  return { shape, data: new Float32Array(shape.reduce((product, length) => product * length, 1)) };
}

/** Moves an average towards values: `average = beta · average + (1 - beta) · value`, rounded to float32. */
export function moveAverage(average: Float32Array, beta: number, valueAt: (i: number) => number): void {
  for (let i = 0; i < average.length; i += 1) average[i] = beta * average[i]! + (1 - beta) * valueAt(i);
}

/** What an average of `step` values that began at 0 is divided by. */
export const biasCorrection = (beta: number, step: number): number => 1 - beta ** step;
