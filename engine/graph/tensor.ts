/** Numbers with a type and a shape, as a graph is fed and answers. */
export type TensorValue =
  | { readonly type: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array }
  /** Half precision, as the bits of each number. */
  | { readonly type: 'float16'; readonly shape: readonly number[]; readonly data: Uint16Array }
  | { readonly type: 'int64'; readonly shape: readonly number[]; readonly data: BigInt64Array }
  | { readonly type: 'int32'; readonly shape: readonly number[]; readonly data: Int32Array };
