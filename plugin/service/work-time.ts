/** How long rankings take, learned from those that ended. */

/** A running estimate of the time that one ranking takes. */
export interface WorkTime {
  /** Recent mean, in milliseconds; 0 before the first ranking ended. */
  readonly meanMs: number;
  /** A time that few rankings exceed, in milliseconds. */
  readonly mostMs: number;
  /**
   * Learns from a ranking. @param isWhole - Whether it came to its end; one that was given up would have taken longer,
   * so that it can raise the estimate and never lower it.
   */
  learn(ms: number, isWhole: boolean): void;
}

/** Weight of the newest ranking in the running means. */
const newestWeight = 0.1;
/** Mean deviations above the mean: of a normal distribution .992 lie below. */
const deviations = 3;

/** Opens an estimate that knows nothing yet. */
export function workTime(): WorkTime {
  let mean = 0;
  let deviation = 0;
  return {
    get meanMs() {
      return mean;
    },
    get mostMs() {
      return mean + deviations * deviation;
    },
    learn(ms, isWhole) {
      if (!isWhole && ms <= mean) return;
      if (mean > 0) deviation = blend(deviation, Math.abs(ms - mean));
      mean = blend(mean, ms);
    },
  };
}

/** The running mean after one more value; 0: of none so far. */
export function blend(mean: number, newest: number): number {
  return mean === 0 ? newest : (1 - newestWeight) * mean + newestWeight * newest;
}
