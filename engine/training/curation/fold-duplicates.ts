/** Near-duplicate texts, found by the free embedder. */
import type { Embedder, Embeddings } from '../../contract.ts';
import { openEmbedder } from '../../embedding/embedder.ts';
import { squaredDistance, unitRows, viewsOf } from './rows.ts';

/**
 * Cosine of token averages from which two texts count as near-duplicates. Lower ones fold texts of one template: at .98 the
 * symptoms of different illnesses in train-medquad (2026-11-27).
 */
export const defaultDuplicateCosine = 0.99;

/** Options of {@link foldDuplicates}. */
export interface FoldOptions {
  /** Gives texts their vectors. @defaultValue token averages of the model that comes with the package */
  readonly embedder?: Embedder;
  /** Cosine from which two texts are near-duplicates, in (0, 1]. @defaultValue 0.99 */
  readonly cosine?: number;
  /** Ends the call with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Folds each text into the first one before it that is its near-duplicate and is not folded itself; so every folded text is
 * near the one that stands for it. Texts without tokens are folded into none. The model does not run: vectors are averages
 * of token embeddings, which do not see the order of words.
 *
 * @returns For each text the index of the one that stands for it; its own where it stands for itself.
 * @throws RangeError for an impossible cosine. See also `openEmbedder`.
 *
 * @example const standing = await foldDuplicates(negatives); const kept = negatives.filter((_, i) => standing[i] === i);
 */
export async function foldDuplicates(
  texts: readonly string[],
  { embedder, cosine = defaultDuplicateCosine, signal }: FoldOptions = {},
): Promise<readonly number[]> {
  if (texts.length === 0) return [];
  const opened = embedder ?? (await openEmbedder());
  return foldRows(await opened.embed(texts, { ...(signal && { signal }) }), cosine);
}

/** `foldDuplicates` of texts whose embeddings are there. @throws RangeError for an impossible cosine. */
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
