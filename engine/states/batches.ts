/** Which blocks are encoded together. */

/** Blocks encoded in one run, by their position in the list that was given. */
export type Batch = readonly number[];

/** How batches are cut. */
export interface BatchOptions {
  /** Tokens of one batch at most, padding included; a single longer block is a batch of its own. */
  readonly batchTokens: number;
  /** Workers that will run them; the number of batches is a multiple of it where there is enough work. */
  readonly workers: number;
}

/**
 * Groups blocks of like length, longest first, so that padding is small and no worker is left with a long
 * batch at the end. Depends on the lengths alone, so the same documents always meet in the same batches.
 *
 * @param lengths - Tokens of each block.
 */
export function toBatches(lengths: readonly number[], { batchTokens, workers }: BatchOptions): Batch[] {
  const order = [...lengths.keys()].sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const rounds = Math.ceil(total / batchTokens / workers);
  const target = Math.min(batchTokens, Math.ceil(total / Math.max(1, rounds * workers)));
  const batches: number[][] = [];
  let batch: number[] = [];
  for (const index of order) {
    const longest = lengths[batch[0] ?? index]!;
    // Half a block over the target is nearer to it than half a block under.
    if (batch.length > 0 && longest * (batch.length + 0.5) > target) {
      batches.push(batch);
      batch = [];
    }
    batch.push(index);
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
