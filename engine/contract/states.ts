/** What documents leave behind for queries, how it is named, and who keeps it. */

/** What a document block leaves behind for the query block. All vectors are L2-normalised rows, row-major float32. */
export interface BlockState {
  /** Values a vector. */
  readonly width: number;
  /** Tokens of each of the document's blocks; one entry a block, at least one. */
  readonly blockTokens: readonly number[];
  /** One vector a block (its first token's), shape `[blocks, width]`. */
  readonly anchors: Float32Array;
  /** One vector a token, blocks one after another, shape `[tokens, width]`; absent in tier `anchor`. */
  readonly tokens?: Float32Array;
  /** Tokens that a cap cut away. */
  readonly truncatedTokens: number;
}

/** Names a block state: the model and template that made it, the text it was made from, and the tenant. */
export interface StateKey {
  /** `RerankerInfo.encodingDigest` of the encoder. */
  readonly encodingDigest: string;
  /** SHA-256 of the document's text, hexadecimal. */
  readonly textDigest: string;
  /** The tenant of the state, any text; a key of one tenant never finds the state of another. @defaultValue none */
  readonly tenant?: string;
}

/** Keeps block states by key. Safe to call concurrently; a state that it cannot keep is dropped without an error. */
export interface StateSource {
  /** The states at hand, in the order of the keys; `undefined` for a key without a state. */
  getMany(keys: readonly StateKey[]): Promise<readonly (BlockState | undefined)[]>;
  /** Keeps states; a later entry of the same key replaces an earlier one. */
  putMany(entries: readonly (readonly [StateKey, BlockState])[]): Promise<void>;
  /** Frees what the source holds. Closing twice does nothing; afterwards the other calls reject with a `TypeError`. */
  close(): Promise<void>;
}

/** A vector that a search index keeps for a document: the anchor of a text of one block. */
export interface StoredVector {
  /** The vector; of any length above 0, it is scaled to 1. */
  readonly values: readonly number[];
  /** {@link StateKey.encodingDigest} of its encoder; absent where that is unknown, and then the vector is trusted. */
  readonly encodingDigest?: string;
  /**
   * {@link StateKey.textDigest} of the text that it was made from; absent where that is unknown, and then the vector is
   * trusted.
   */
  readonly textDigest?: string;
}

/** A block state as a search index keeps it: bytes that `encodeState` wrote, or a vector. */
export type StoredState = Uint8Array | StoredVector;
