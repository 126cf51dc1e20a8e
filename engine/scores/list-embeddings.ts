/** Vectors of a list's documents, from what is at hand. */
import type { Embeddings, Shortlist, StepContext } from '../contract.ts';

/**
 * One row a candidate: from the free embedder, or the model's anchors, which encodes documents that are not encoded
 * yet; `undefined` where the reranker has none.
 */
export async function listEmbeddings(
  source: 'embeddings' | 'anchors',
  { candidates }: Shortlist,
  { embedder, anchors, signal }: StepContext,
): Promise<Embeddings | undefined> {
  if (source === 'anchors') return anchors?.();
  return embedder?.embed(
    candidates.map(({ text }) => text),
    { signal },
  );
}
