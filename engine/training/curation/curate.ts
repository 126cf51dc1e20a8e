/** Texts or pairs of texts, without near-duplicates, as few as wanted and as different as can be. */
import type { Embeddings } from '../../contract.ts';
import { defaultDuplicateCosine, foldRows } from '../../scores/near-duplicates.ts';
import { pickRows, rowAt, rowCount, unitRows } from '../../scores/rows.ts';
import { diversify } from './diversify.ts';
import { reduceRows } from './reduce-rows.ts';

/** What is kept. */
export interface Curation {
  /** Indexes that are kept, ascending. */
  readonly kept: readonly number[];
  /** For each row the one that it is a near-duplicate of, or itself. */
  readonly standing: readonly number[];
  /** See `DiverseSubset`; 0 where there were no more rows than wanted. */
  readonly epsilon: number;
}

/**
 * Folds near-duplicates, and picks a diverse subset of what is left.
 *
 * @param options - `count`: rows wanted, at least 1. `cosine`: from which two rows are near-duplicates, in (0, 1]; .99 unless
 * said.
 * @throws RangeError for an impossible count or cosine.
 */
export function curate(
  embeddings: Embeddings,
  { count, cosine = defaultDuplicateCosine }: { readonly count: number; readonly cosine?: number },
): Curation {
  const standing = foldRows(embeddings, cosine);
  const left = standing.flatMap((row, i) => (row === i ? [i] : []));
  if (left.length === 0) return { kept: [], standing, epsilon: 0 };
  const { kept, epsilon } = diversify(reduceRows(pickRows(embeddings, left)), count);
  return { kept: kept.map((i) => left[i]!), standing, epsilon };
}

/** Embeddings of pairs: both rows at length 1, one behind the other, so that either counts half. */
export function pairRows(first: Embeddings, second: Embeddings): Embeddings {
  const [a, b] = [unitRows(first), unitRows(second)];
  const width = a.width + b.width;
  const rows = new Float32Array(rowCount(a) * width);
  for (let i = 0; i < rowCount(a); i += 1) {
    rows.set(rowAt(a, i), i * width);
    rows.set(rowAt(b, i), i * width + a.width);
  }
  return { width, rows };
}
