/** Counts the documents of a build by their outcome. */

/** Numbers of documents; every seen document counts in exactly one of the other numbers; `orphans` counts states. */
export interface BuildCounts {
  /** Documents that were read. */
  readonly seen: number;
  /** Documents whose state was there already and fits. */
  readonly fresh: number;
  /** Documents whose state was encoded and written. */
  readonly written: number;
  /** Documents that somebody changed meanwhile; the next build looks at them again. */
  readonly conflicts: number;
  /** Documents that somebody deleted meanwhile. */
  readonly gone: number;
  /** Documents whose state the server refused. */
  readonly failed: number;
  /** States that were removed because their document is gone. */
  readonly orphans: number;
}

/** Counts that are all 0. */
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

/** The sums of two counts. */
export function addCounts(one: BuildCounts, other: BuildCounts): BuildCounts {
  return Object.fromEntries(names.map((name) => [name, one[name] + other[name]])) as unknown as BuildCounts;
}

/** Sums the outcomes of documents so far, over pages, builds, and attempts at a build. */
export class Tally {
  /** The sums so far. */
  counts: BuildCounts = noCounts;
  /** The server's words on the first state that it refused. */
  failure: string | undefined;

  /** Adds the outcomes of a page. */
  add(counts: BuildCounts, failure: string | undefined): void {
    this.counts = addCounts(this.counts, counts);
    this.failure ??= failure;
  }
}

/** Counts as a stored document holds them; 0 for missing numbers. */
export function toCounts(content: unknown): BuildCounts {
  const found = (content ?? {}) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(names.map((name) => [name, Number(found[name] ?? 0)])) as unknown as BuildCounts;
}
