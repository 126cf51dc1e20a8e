/** Bounds how many searches are reranked at once. */
export interface Slots {
  /** Takes so many slots, or none when they are not free. @returns What gives them back; it may be called twice. */
  take(searches: number): (() => void) | undefined;
}

/** Makes `max` slots. */
export function openSlots(max: number): Slots {
  let taken = 0;
  return {
    take(searches) {
      // A multi-search that is larger than all slots gets them when nobody has one.
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
