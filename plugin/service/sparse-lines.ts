/**
 * Which refusals get a line in the log. A crowd is refused thousands of times a second, and writing as many lines takes
 * the thread longer than refusing; the metrics count every one.
 */

/** Decides on lines, by what they would say. */
export interface SparseLines {
  /** Whether this one is written, and how many of its kind were left out since the last one that was. */
  next(kind: string): { readonly isWritten: boolean; readonly leftOut: number };
}

/** Time in which one line of a kind is written, in milliseconds. */
const lineEveryMs = 1000;

/** Opens the decision: the first of each kind in a second is written. @param now - The clock, in milliseconds. */
export function sparseLines(now: () => number): SparseLines {
  const kinds = new Map<string, { writtenMs: number; leftOut: number }>();
  return {
    next(kind) {
      const known = kinds.get(kind);
      if (known && now() - known.writtenMs < lineEveryMs) {
        known.leftOut += 1;
        return { isWritten: false, leftOut: known.leftOut };
      }
      kinds.set(kind, { writtenMs: now(), leftOut: 0 });
      return { isWritten: true, leftOut: known?.leftOut ?? 0 };
    },
  };
}
