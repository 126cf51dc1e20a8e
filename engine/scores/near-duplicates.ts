/** Near-duplicates among rows of embeddings. */
import type { Embeddings } from '../contract.ts';
import { squaredDistance, unitRows, viewsOf } from './rows.ts';

/**
 * Cosine of token averages from which two texts count as near-duplicates. Lower ones fold texts of one template: at .98 the
 * symptoms of different illnesses in train-medquad (2026-11-27).
 */
export const defaultDuplicateCosine = 0.99;

/**
 * Folds each row into the first one before it that is its near-duplicate and is not folded itself; so every folded row is
 * near the one that stands for it. Rows of zeros are folded into none.
 *
 * @param cosine - From which two rows are near-duplicates, in (0, 1].
 * @returns For each row the index of the one that stands for it; its own where it stands for itself.
 * @throws RangeError for an impossible cosine.
 */
export function foldRows(embeddings: Embeddings, cosine: number = defaultDuplicateCosine): readonly number[] {
  if (!(cosine > 0 && cosine <= 1)) {
    throw new RangeError(`foldDuplicates: expected a cosine in (0, 1], got ${cosine}.`);
  }
  const units = viewsOf(unitRows(embeddings));
  // |a - b|² = 2 - 2·cos of unit vectors; the rest is float32's rounding, which equal texts must not fall to.
  const limit = 2 - 2 * cosine + 1e-6;
  const standing: number[] = [];
  return units.map((row, i) => {
    if (row.every((value) => value === 0)) return i;
    const found = standing.find((each) => squaredDistance(row, units[each]!, limit) <= limit);
    if (found === undefined) standing.push(i);
    return found ?? i;
  });
}
