/** The few parts of Protocol Buffers that an ONNX file needs: varints and length-delimited fields. */

/** Bytes of a message that is being written. */
export class ProtobufWriter {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  /** A whole number; negative ones take ten bytes, as the format asks. */
  varint(field: number, value: number | bigint): this {
    this.#tag(field, 0);
    return this.#raw(BigInt.asUintN(64, BigInt(value)));
  }

  /** A 32-bit float. */
  float(field: number, value: number): this {
    this.#tag(field, 5);
    return this.#push(new Uint8Array(Float32Array.of(value).buffer));
  }

  /** Bytes, a string, or a message. */
  bytes(field: number, value: Uint8Array | string | ProtobufWriter): this {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    this.#tag(field, 2);
    if (bytes instanceof ProtobufWriter) {
      this.#raw(BigInt(bytes.#length));
      for (const chunk of bytes.#chunks) this.#chunks.push(chunk); // a spread would pass them over the call stack
      this.#length += bytes.#length;
      return this;
    }
    this.#raw(BigInt(bytes.length));
    return this.#push(bytes);
  }

  /** The whole message. */
  finish(): Uint8Array {
    return Buffer.concat(this.#chunks, this.#length);
  }

  #tag(field: number, wireType: number): void {
    this.#raw(BigInt((field << 3) | wireType));
  }

  #raw(value: bigint): this {
    const bytes: number[] = [];
    let rest = value;
    while (rest > 127n) {
      bytes.push(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    return this.#push(Uint8Array.from(bytes));
  }

  #push(bytes: Uint8Array): this {
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    return this;
  }
}
