/** How much of a text a model reads. */

/** Token budgets of the blocks. */
export interface BlockCaps {
  /** Tokens of one document block, the two special tokens included; 8 to the model's positions. @defaultValue 160 */
  readonly maxDocumentTokens: number;
  /**
   * Blocks of one document; the text after them is cut. 1 means: cut at the first block. The default reads 8,192 tokens
   * in blocks of 160 that repeat 32. @defaultValue 65
   */
  readonly maxDocumentBlocks: number;
  /** Tokens that a document's block repeats from the one before it. @defaultValue 32 */
  readonly blockOverlapTokens: number;
  /** Tokens of the query's own words. @defaultValue 64 */
  readonly maxQueryTokens: number;
}

/** The defaults of {@link BlockCaps}. */
export const defaultCaps: BlockCaps = {
  maxDocumentTokens: 160,
  maxDocumentBlocks: 65,
  blockOverlapTokens: 32,
  maxQueryTokens: 64,
};
