/** What a training says while it runs, and at its end. */

/** Where a training stands. */
export interface TrainingProgress {
  /** What is being done. */
  readonly phase: 'training' | 'measuring' | 'interpolating';
  /** Steps done. */
  readonly step: number;
  /** Steps of the whole training. */
  readonly steps: number;
  /** Mean loss of the last step; absent before the first. */
  readonly loss?: number;
  /** The best development value so far; absent before the first measurement. */
  readonly best?: number;
  /** Tokens of lists learnt from a second, without padding, since this process began; 0 before the first step. */
  readonly tokensPerSecond: number;
  /** The most bytes that a step needed so far, as counted before it ran. */
  readonly neededBytes: number;
}

/** A weight between start and end, and its development value. */
export interface WeightValue {
  /** 0 is the starting model, 1 the end. */
  readonly weight: number;
  /** Mean over development collections. */
  readonly value: number;
}

/** What came out of a training. */
export interface TrainingResult {
  /** Why it ended: all steps done, no gain for as long as patience allows, or the caller's signal. */
  readonly ended: 'steps' | 'patience' | 'interrupted';
  /** Steps done. */
  readonly step: number;
  /** Steps that were asked for. */
  readonly steps: number;
  /** Name of the measure; absent without a development set, as all below. */
  readonly measure?: string;
  /** Development value of the starting model. */
  readonly start?: number;
  /** The best development value; at step 0 it is the starting model's. */
  readonly best?: {
    /** Steps done by then. */
    readonly step: number;
    /** Mean over development collections. */
    readonly value: number;
  };
  /** The weight that was chosen, and every one that was tried; absent when none was asked for. */
  readonly interpolation?: WeightValue & {
    /** In the order of the recipe. */
    readonly tried: readonly WeightValue[];
  };
  /** The most bytes that a step needed, as counted before it ran. */
  readonly neededBytes: number;
}
