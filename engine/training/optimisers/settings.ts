/** What a recipe says about its optimiser. */
import * as z from 'zod';

/** Settings that every optimiser has. */
interface CommonSettings {
  /** Average of the gradients, in [0, 1); 0 keeps none. @defaultValue 0.9 */
  readonly beta1: number;
  /** Average of their squares, in [0, 1). @defaultValue 0.999 */
  readonly beta2: number;
  /** Added to the root of the squares' average, > 0. @defaultValue 1e-8 */
  readonly epsilon: number;
  /**
   * Share of itself that a tensor loses a step, times the learning rate, >= 0. Only tensors of two or more axes decay:
   * biases, norms and temperatures do not. @defaultValue 0
   */
  readonly weightDecay: number;
}

/** AdamW. */
export interface AdamWSettings extends CommonSettings {
  /** Which optimiser. */
  readonly kind: 'adamw';
}

/** One-sided Shampoo; tensors that are no matrices, and matrices with two long sides, are AdamW's. */
export interface OneSidedShampooSettings extends CommonSettings {
  /** Which optimiser. */
  readonly kind: 'one-sided-shampoo';
  /** Whether products of gradients are summed up, as AdaGrad does, or averaged, as Adam does. @defaultValue 'average' */
  readonly statistics: 'sum' | 'average';
  /** The average of the products, in [0, 1); a sum has no use for it. @defaultValue 0.95 */
  readonly statisticsBeta: number;
  /** Added to every eigenvalue before the root, as a share of the largest, > 0. @defaultValue 1e-6 */
  readonly statisticsEpsilon: number;
  /**
   * `adamw`: Shampoo says where to, AdamW how far, so that one learning rate serves both. `none`: Shampoo's own length.
   * @defaultValue 'adamw'
   */
  readonly grafting: 'adamw' | 'none';
  /** Steps between two inverse roots, from 1; the first ones are taken sooner (`isRootStep`). @defaultValue 20 */
  readonly rootInterval: number;
  /** Longest side that gets an inverse root, from 1: its time grows with the third power. @defaultValue 1024 */
  readonly maxSide: number;
}

/** Settings of an optimiser, complete. */
export type OptimiserSettings = AdamWSettings | OneSidedShampooSettings;

const beta = z.number().min(0).lt(1);
const positive = z.number().positive();
const common = {
  beta1: beta.default(0.9),
  beta2: beta.default(0.999),
  epsilon: positive.default(1e-8),
  weightDecay: z.number().min(0).default(0),
};

/** The optimiser's part of a recipe; what is left out gets its default. */
export const optimiserSchema: z.ZodType<OptimiserSettings> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('adamw'), ...common }),
  z.strictObject({
    kind: z.literal('one-sided-shampoo'),
    ...common,
    statistics: z.enum(['sum', 'average']).default('average'),
    statisticsBeta: beta.default(0.95),
    statisticsEpsilon: positive.default(1e-6),
    grafting: z.enum(['adamw', 'none']).default('adamw'),
    rootInterval: z.int().min(1).default(20),
    maxSide: z.int().min(1).default(1024),
  }),
]);
