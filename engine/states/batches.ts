/** Chooses the blocks that are encoded together. */

/** Blocks encoded in one run, by their index in the given list. */
export type Batch = readonly number[];

/** Options of {@link toBatches}. */
export interface BatchOptions {
  /** Tokens of one batch, give or take half a block. */
  readonly batchTokens: number;
  /** Workers that will run the batches; the number of batches is a multiple of it where there is enough work. */
  readonly workers: number;
}

/**
 * Groups blocks of like length, longest first, so that padding is small and no worker is left with a long batch at the
 * end. Depends on the lengths alone, so the same documents always share the same batches.
 *
 * @param lengths - Tokens of each block.
 */
export function toBatches(lengths: readonly number[], { batchTokens, workers }: BatchOptions): Batch[] {
  const order = [...lengths.keys()].sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const rounds = Math.ceil(total / batchTokens / workers);
  const share = total / (rounds * workers);
  const batches: number[][] = [];
  let before = 0;
  for (const index of order) {
    // A block belongs to the share that its middle falls into.
    const middle = before + lengths[index]! / 2;
    if (batches.length === 0 || middle >= share * batches.length) batches.push([]);
    batches.at(-1)!.push(index);
    before += lengths[index]!;
  }
  return batches;
}
