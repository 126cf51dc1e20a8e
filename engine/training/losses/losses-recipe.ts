/** The part of a recipe that says what is made smaller. */
import * as z from 'zod';
import type { DivergenceOptions, ListNetOptions } from './distributions.ts';
import type { InfoNceOptions } from './info-nce.ts';
import type { LambdaLossOptions } from './lambda-loss.ts';
import type { MarginMseOptions, RankNetOptions } from './pairs.ts';

/** Options of each loss over logits, by the loss' name. */
export interface LossOptions {
  /** BlockRank's loss over masses. */
  readonly infoNce: InfoNceOptions;
  /** Distance from a teacher's distribution over the list. */
  readonly distillation: DivergenceOptions;
  /** Distance from the starting model's distribution over the list. */
  readonly anchor: DivergenceOptions;
  /** Distance from a teacher's margins. */
  readonly marginMse: MarginMseOptions;
  /** Pairs by difference in gain. */
  readonly rankNet: RankNetOptions;
  /** Pairs by what they change in nDCG. */
  readonly lambdaLoss: LambdaLossOptions;
  /** Cross-entropy against gains. */
  readonly listNet: ListNetOptions;
}

/** Name of a loss over logits. */
export type LossName = keyof LossOptions;

/** Losses and their weights in the sum. */
export type LossesRecipe = {
  readonly [Name in LossName]?:
    | (LossOptions[Name] & {
        /** The loss is multiplied by it, > 0. */
        readonly weight: number;
      })
    | undefined;
} & {
  /** Weights of losses that only the trained network has, such as `nextToken`, by name. */
  readonly own?: Readonly<Record<string, number>> | undefined;
};

const positive = z.number().positive();
const temperature = positive.default(1);
const weight = positive.default(1);
const hidden = z.enum(['none', 'unjudged', 'above-positives']).default('none');

const divergence = z
  .strictObject({ weight, temperature, otherTemperature: positive.optional(), hidden })
  .transform(({ otherTemperature, ...rest }) => ({
    ...rest,
    otherTemperature: otherTemperature ?? rest.temperature,
  }));

const sections = {
  infoNce: z.strictObject({
    weight,
    temperature: positive.default(0.05),
    threshold: z.number().min(0).default(0),
    hidden,
  }),
  distillation: divergence,
  anchor: divergence,
  marginMse: z.strictObject({
    weight,
    pairs: z.enum(['all', 'positives']).default('all'),
    teacherScale: positive.default(1),
    hidden,
  }),
  rankNet: z.strictObject({ weight, temperature, hidden }),
  lambdaLoss: z.strictObject({
    weight,
    temperature,
    cutoff: z.int().min(1).default(10),
    mu: z.number().min(0).default(0),
    hidden,
  }),
  listNet: z.strictObject({
    weight,
    temperature,
    targets: z.enum(['shares', 'softmax']).default('shares'),
    hidden,
  }),
} satisfies { [Name in LossName]: z.ZodType<LossesRecipe[Name]> };

/** Checks the part and fills in defaults; at least one loss is named. */
export const lossesSchema: z.ZodType<LossesRecipe> = z
  .strictObject({
    infoNce: sections.infoNce.optional(),
    distillation: sections.distillation.optional(),
    anchor: sections.anchor.optional(),
    marginMse: sections.marginMse.optional(),
    rankNet: sections.rankNet.optional(),
    lambdaLoss: sections.lambdaLoss.optional(),
    listNet: sections.listNet.optional(),
    own: z.record(z.string(), positive).optional(),
  })
  .refine(({ own = {}, ...losses }) => Object.keys({ ...own, ...losses }).length > 0, {
    message: `expected at least one loss of ${Object.keys(sections).join(', ')} or own`,
  });
