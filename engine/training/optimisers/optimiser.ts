/** What turns gradients into steps. */
import type { TrainedTensors } from '../trainer/trainee.ts';

/** An optimiser over a fixed set of tensors, whose numbers it changes in place. */
export interface Optimiser {
  /**
   * One step.
   *
   * @param gradients - One a tensor, by its name, row-major.
   * @param rate - Learning rate of this step, from the schedule.
   */
  step(gradients: ReadonlyMap<string, Float32Array>, rate: number): void;
  /** Everything that the next step depends on besides the tensors, by names of its own: what a checkpoint keeps. */
  readonly state: TrainedTensors;
  /** Takes the state of a checkpoint. @throws RangeError when names or shapes are not this optimiser's. */
  restore(state: TrainedTensors): void;
}
