/** The recipe of the alias-chain comparison. */
import * as z from 'zod';
import { type Schedule, scheduleSchema } from '../../engine/training/optimisers/schedule.ts';
import { type OptimiserSettings, optimiserSchema } from '../../engine/training/optimisers/settings.ts';

/** A checked recipe. */
export interface AliasChainRecipe {
  /** Names in a list, and hops of the longest chain. */
  readonly task: { readonly names: number; readonly maxHops: number };
  /** What all networks have in common. */
  readonly network: { readonly width: number; readonly heads: number; readonly innerWidth: number };
  /** How each is trained. */
  readonly training: {
    readonly steps: number;
    readonly batch: number;
    readonly clipNorm: number;
    readonly seed: number;
    readonly optimiser: OptimiserSettings;
    readonly schedule: Schedule;
  };
  /** What is compared. */
  readonly models: readonly {
    readonly name: string;
    readonly blocks: { readonly prefix: number; readonly loop: number; readonly suffix: number };
    readonly loops: number;
    readonly regularisation?: { readonly distance: number; readonly weight: number } | undefined;
  }[];
  /** On how many new lists, and with how many loops. */
  readonly measure: { readonly lists: number; readonly seed: number; readonly loops: readonly number[] };
}

const whole = z.int().min(1);

/** Tells every problem of a recipe at once. */
export const recipeSchema: z.ZodType<AliasChainRecipe> = z.strictObject({
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
