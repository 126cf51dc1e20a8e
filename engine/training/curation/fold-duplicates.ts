/** Near-duplicate texts, found by the free embedder. */
import type { Embedder } from '../../contract.ts';
import { openEmbedder } from '../../embedding/embedder.ts';
import { defaultDuplicateCosine, foldRows } from '../../scores/near-duplicates.ts';

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
