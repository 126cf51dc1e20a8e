/** The recipe of the alias-chain comparison. */
import * as z from 'zod';
import { scheduleSchema } from '../../engine/training/optimisers/schedule.ts';
import { optimiserSchema } from '../../engine/training/optimisers/settings.ts';

const whole = z.int().min(1);

/** Every problem of a recipe is told at once. */
export const recipeSchema = z.strictObject({
  task: z.strictObject({ names: z.int().min(2), maxHops: whole }),
  network: z.strictObject({ width: whole, heads: whole, innerWidth: whole }),
  training: z.strictObject({
    steps: whole,
    batch: whole,
    clipNorm: z.number().positive(),
    seed: z.int().min(0),
    optimiser: optimiserSchema,
    schedule: scheduleSchema,
  }),
  models: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[\w-]+$/),
        blocks: z.strictObject({ prefix: z.int().min(0), loop: whole, suffix: z.int().min(0) }),
        loops: whole,
        regularisation: z.strictObject({ distance: whole, weight: z.number().min(0) }).optional(),
      }),
    )
    .min(1),
  measure: z.strictObject({ lists: whole, seed: z.int().min(0), loops: z.array(whole).min(1) }),
});

/** A checked recipe. */
export type AliasChainRecipe = z.infer<typeof recipeSchema>;
