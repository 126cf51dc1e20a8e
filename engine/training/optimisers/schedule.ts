/** Learning rate as a function of the step. */
import * as z from 'zod';

/** How the learning rate rises and falls over a run. */
export interface Schedule {
  /** Highest learning rate, > 0. */
  readonly rate: number;
  /** Steps over which the rate rises in a line; the step after them has the whole rate. @defaultValue 0 */
  readonly warmUpSteps: number;
  /** What comes after: the rate stays, falls in a line, or along half a cosine. @defaultValue 'constant' */
  readonly decay: 'constant' | 'linear' | 'cosine';
  /** Share of the rate that the fall ends at, in [0, 1]. @defaultValue 0 */
  readonly finalShare: number;
}

/** The schedule's part of a recipe; what is left out gets its default. */
export const scheduleSchema: z.ZodType<Schedule> = z.strictObject({
  rate: z.number().positive(),
  warmUpSteps: z.int().min(0).default(0),
  decay: z.enum(['constant', 'linear', 'cosine']).default('constant'),
  finalShare: z.number().min(0).max(1).default(0),
});

/**
 * Learning rate of a step. The step after the last one would have `finalShare` of the rate, so that the last one still
 * learns when that is 0.
 *
 * @param step - 0 for the first.
 * @param steps - Steps of the whole run; beyond them the rate stays at its end.
 */
export function learningRate(
  { rate, warmUpSteps, decay, finalShare }: Schedule,
  step: number,
  steps: number,
): number {
  if (step < warmUpSteps) return (rate * (step + 1)) / (warmUpSteps + 1);
  if (decay === 'constant') return rate;
  const done = Math.min(1, (step - warmUpSteps) / Math.max(1, steps - warmUpSteps));
  const left = decay === 'linear' ? 1 - done : (1 + Math.cos(Math.PI * done)) / 2;
  return rate * (finalShare + (1 - finalShare) * left);
}
