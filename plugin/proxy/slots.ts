/** Bounds how many searches are reranked at once. */
export interface Places {
  /** Takes so many places, or none when they are not free. @returns What gives them back; it may be called twice. */
  take(searches: number): (() => void) | undefined;
}

/** Makes `max` places. */
export function openPlaces(max: number): Places {
  let taken = 0;
  return {
    take(searches) {
      // A multi-search that is larger than all places gets them when nobody has one.
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
