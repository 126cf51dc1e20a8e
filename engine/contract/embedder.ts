/** Vectors of texts. */

/** Gives texts vectors whose products measure the similarity of the texts. Safe to call concurrently. */
export interface Embedder {
  /**
   * One row a text, in their order; a text without words gets a row of zeros. The same text always gets the same row.
   *
   * @param options - `signal` ends the call with its reason.
   */
  embed(texts: readonly string[], options?: { readonly signal?: AbortSignal }): Promise<Embeddings>;
}

/** Vectors of texts, row-major. */
export interface Embeddings {
  /** Values a row. */
  readonly width: number;
  /** One row a text, shape `[texts, width]`. */
  readonly rows: Float32Array;
}
