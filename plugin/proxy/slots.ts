/** The slots of searches that may be reranked at once. */
export interface Slots {
  /**
   * Takes a slot for each search, or none when too few are free. @returns A function that gives them back, and may be
   * called twice; `undefined` when too few are free.
   */
  take(searches: number): (() => void) | undefined;
}

/** Makes `max` slots. */
export function openSlots(max: number): Slots {
  let taken = 0;
  return {
    take(searches) {
      // A multi-search that needs more than all slots gets them when none is taken.
      if (taken > 0 && taken + searches > max) return undefined;
      let held = searches;
      taken += held;
      return () => {
        taken -= held;
        held = 0;
      };
    },
  };
}
