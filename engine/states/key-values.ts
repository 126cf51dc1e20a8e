/**
 * The states of a decoder's blocks: keys and values of each layer, token after token. Those of the instruction come
 * first, so that the first tokens of every buffer are the past that all documents share, and the whole buffer is the
 * past of the query block; neither is ever copied.
 *
 * Axes: `K` key heads, `D` head size.
 */
/** Shape of a decoder's states. */
export interface KeyValueShape {
  /** Layers whose keys and values are kept. */
  readonly layers: number;
  /** Whether the layer after those keeps its keys. */
  readonly lastKeys: boolean;
  /** Values of one token's keys in one layer, `K·D`. */
  readonly tokenWidth: number;
}

/** Bytes that a token's keys and values take. */
export function keyValueBytes({ layers, lastKeys, tokenWidth }: KeyValueShape): number {
  return (2 * layers + (lastKeys ? 1 : 0)) * tokenWidth * Float32Array.BYTES_PER_ELEMENT;
}

/** See the file's header. */
export class KeyValues {
  readonly #shape: KeyValueShape;
  readonly #keys: Float32Array[];
  readonly #values: Float32Array[];

  /** Allocates the memory for `capacity` tokens. */
  constructor(shape: KeyValueShape, capacity: number) {
    this.#shape = shape;
    const make = (count: number): Float32Array[] =>
      Array.from({ length: count }, () => new Float32Array(capacity * shape.tokenWidth));
    this.#keys = make(shape.layers + (shape.lastKeys ? 1 : 0));
    this.#values = make(shape.layers);
  }

  /**
   * Keeps a token run's keys and values.
   *
   * @param at - The position of its first token.
   * @param rows - One layer's output, and the run's tokens in it: `from` inclusive, `to` exclusive.
   */
  put(
    { kind, layer, at }: { readonly kind: 'keys' | 'values'; readonly layer: number; readonly at: number },
    rows: { readonly data: Float32Array; readonly from: number; readonly to: number },
  ): void {
    const { tokenWidth } = this.#shape;
    const own = rows.data.subarray(rows.from * tokenWidth, rows.to * tokenWidth);
    (kind === 'keys' ? this.#keys : this.#values)[layer]!.set(own, at * tokenWidth);
  }

  /** The first `tokens` tokens of a layer, shape `[tokens, K, D]`; no copy. */
  past(kind: 'keys' | 'values', layer: number, tokens: number): Float32Array {
    const all = (kind === 'keys' ? this.#keys : this.#values)[layer]!;
    return all.subarray(0, tokens * this.#shape.tokenWidth);
  }

  /** Keys of the last layer, tokens `from` to `to`, shape `[to - from, K, D]`; no copy. */
  lastKeys(from: number, to: number): Float32Array {
    const { tokenWidth } = this.#shape;
    return this.#keys.at(-1)!.subarray(from * tokenWidth, to * tokenWidth);
  }
}
