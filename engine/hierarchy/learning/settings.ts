/** What a training of a hierarchy is told. */
import type { OptimiserSettings } from '../../training/optimisers/settings.ts';

/** One stage of a training: steps over pairs, drawn with replacement. */
export interface HierarchyStage {
  /** Steps, from 1. */
  readonly steps: number;
  /** Pairs a step, from 2. */
  readonly batch: number;
  /** What products are divided by in the softmax, > 0: larger is flatter. */
  readonly temperature: number;
  /** Learning rate of the first step, > 0. */
  readonly rate: number;
  /** Whether the rate falls in a line to 0 or stays. @defaultValue 'linear' */
  readonly decay?: 'linear' | 'constant' | undefined;
  /**
   * Whether documents of the batch that are known to match a query are left out of its softmax; otherwise they count as
   * wrong ones, as in the paper. @defaultValue false
   */
  readonly masksMatches?: boolean | undefined;
  /** Distance from which pairs are drawn, from 0. @defaultValue 0, all */
  readonly leastDistance?: number | undefined;
  /** Draws far pairs more often. @defaultValue none */
  readonly resampling?: FarSampling | undefined;
}

/** Which pairs are drawn more often. */
export interface FarSampling {
  /** Distance from which a pair is far, from 1. */
  readonly distance: number;
  /** Share of each batch that is drawn from far pairs alone, in (0, 1]; the rest is drawn from all. */
  readonly share: number;
}

/** Settings of a whole training. */
export interface HierarchySettings {
  /** The first stage. */
  readonly pretraining: HierarchyStage;
  /** The second stage, which starts from the first one's numbers; stopped where validation was best. @defaultValue none */
  readonly finetuning?: (HierarchyStage & EarlyStop) | undefined;
  /** The optimiser; each stage starts it anew. */
  readonly optimiser: OptimiserSettings;
  /** Decides the tables' first numbers and every draw. */
  readonly seed: number;
}

/** When finetuning is measured. */
export interface EarlyStop {
  /** Steps between two measures, from 1. */
  readonly measureEvery: number;
  /**
   * Share of the recall at distance 0 before finetuning that must be left at the step that is kept, in [0, 1].
   * @defaultValue 0.9
   */
  readonly keptShare?: number | undefined;
}
