/** How a graph takes a whole list in one run. Axes of this folder: see `packed-decoder.ts`. */

/** What shape a packed graph has; one graph serves lists of every length. */
export interface PackedForm {
  /** Whether documents see the instruction and themselves (`blocks`), or also the documents before them (`causal`). */
  readonly context: 'blocks' | 'causal';
  /**
   * `fused`: one operator that keeps no matrix of logits in memory; each document's sequence repeats the instruction,
   * for the operator takes a past for one sequence alone. `products`: matrix products and a softmax.
   */
  readonly attention: 'fused' | 'products';
  /** Buckets of like length that documents fall into; a causal context has none. */
  readonly buckets: number;
  /** Query blocks; each sees instruction and documents, none sees another. */
  readonly queries: number;
}
