/** Which query blocks are run together. */
import type { Gates } from '../../model/gates-file.ts';

/** Query blocks of one run. */
export interface QueryGroup {
  /** Tokens that each is padded to. */
  readonly tokens: number;
  /** The blocks' places in what was given. */
  readonly indexes: readonly number[];
}

/** Lengths of query blocks are rounded up to a multiple of this. */
const lengthStep = 4;

/**
 * Groups query blocks by the length that each is padded to, which depends on the block alone: sums over its padding are
 * then the same whatever it is run with, and so is every bit of its vectors. Blocks whose keys and values other documents
 * see are run alone and without padding.
 *
 * @param positions - Most tokens that the model reads.
 */
export function toQueryGroups(
  blocks: readonly { readonly ids: Int32Array }[],
  positions: number,
  gates: Gates | undefined,
): QueryGroup[] {
  if (gates) return blocks.map(({ ids }, i) => ({ tokens: ids.length, indexes: [i] }));
  const groups = new Map<number, number[]>();
  for (const [i, { ids }] of blocks.entries()) {
    const tokens = Math.min(positions, Math.ceil(ids.length / lengthStep) * lengthStep);
    groups.set(tokens, [...(groups.get(tokens) ?? []), i]);
  }
  return [...groups].map(([tokens, indexes]) => ({ tokens, indexes }));
}
