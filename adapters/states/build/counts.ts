/** What became of documents. */

/** Numbers of documents; every document seen is in exactly one of the others but `orphans`. */
export interface BuildCounts {
  /** Read. */
  readonly seen: number;
  /** Whose state was there already. */
  readonly fresh: number;
  /** Whose state was encoded and written. */
  readonly written: number;
  /** Changed by somebody else meanwhile; the next build looks at them again. */
  readonly conflicts: number;
  /** Deleted meanwhile. */
  readonly gone: number;
  /** That the server would not take. */
  readonly failed: number;
  /** States that were removed because their document is gone. */
  readonly orphans: number;
}

/** None of anything. */
export const noCounts: BuildCounts = {
  seen: 0,
  fresh: 0,
  written: 0,
  conflicts: 0,
  gone: 0,
  failed: 0,
  orphans: 0,
};

const names = Object.keys(noCounts) as readonly (keyof BuildCounts)[];

/** Sums. */
export function addCounts(one: BuildCounts, other: BuildCounts): BuildCounts {
  return Object.fromEntries(names.map((name) => [name, one[name] + other[name]])) as unknown as BuildCounts;
}

/** What became of documents so far, over pages, builds, and attempts at a build. */
export class Tally {
  /** Sums. */
  counts: BuildCounts = noCounts;
  /** What the server said of the first state that it would not take. */
  failure: string | undefined;

  /** Adds a page. */
  add(counts: BuildCounts, failure: string | undefined): void {
    this.counts = addCounts(this.counts, counts);
    this.failure ??= failure;
  }
}

/** Counts that were written to a document; 0 for what is missing. */
export function toCounts(content: unknown): BuildCounts {
  const found = (content ?? {}) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(names.map((name) => [name, Number(found[name] ?? 0)])) as unknown as BuildCounts;
}
