/** How a fit to somebody's judgements learns. */
import type { ScalarName } from '../../network/readout/readout-graph.ts';
import type { HeadSizes } from '../../readout/heads.ts';
import type { LossesRecipe } from '../losses/losses-recipe.ts';

/** Settings of a fit. */
export interface FitSettings {
  /** Sizes of the trained parts. */
  readonly sizes: Omit<HeadSizes, 'width'>;
  /** Trained numbers of the readout. */
  readonly scalars: readonly ScalarName[];
  /** What is made smaller. */
  readonly losses: LossesRecipe;
  /** Highest learning rate. */
  readonly rate: number;
  /** Factor on it for scalars, which stand alone. */
  readonly scalarRate: number;
  /** Share of itself that a matrix loses a step, times the rate. */
  readonly weightDecay: number;
  /** Lists of one step. */
  readonly listsPerStep: number;
  /** Most times that every list is read. */
  readonly epochs: number;
  /** Epochs without a smaller development loss after which learning ends. */
  readonly patience: number;
  /** Share of the lists that are kept for development, in (0, 1). */
  readonly developmentShare: number;
  /** Whether judged queries may become precedents of those to come. */
  readonly precedents: boolean;
}

/** Fewer instructive lists than this leave the weights alone: only the readout's numbers are tuned. */
export const fewestLists = 100;

/** Rate: of 2e-3, 1e-3 and 3e-4 on train-nfcorpus (docs/training.md); the others are first guesses, not searched. */
export const defaultFitSettings: FitSettings = {
  sizes: { readingRank: 0, anchorRank: 32, tokenRank: 0, listWidth: 16 },
  scalars: ['alpha', 'readingTau', 'anchorTau', 'tokenWeight'],
  losses: {
    listNet: { weight: 1, temperature: 1, targets: 'shares', hidden: 'none' },
  },
  rate: 1e-3,
  scalarRate: 5,
  weightDecay: 0.05,
  listsPerStep: 8,
  epochs: 30,
  patience: 5,
  developmentShare: 0.2,
  precedents: true,
};
