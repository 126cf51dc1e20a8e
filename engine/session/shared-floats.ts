/**
 * Memory of large values, which threads share: block states, trained tensors, gradients. V8 does not count shared memory: a
 * process that reads states for hours would keep gigabytes of those that nobody needs, since nothing tells the garbage collector
 * to look for them. So a part of it is made known by weights: memory that is counted, is never written (so that it takes no
 * page of the machine), and goes when the values go that it stands for.
 */

/** Bytes of values that one weight stands for: about as much garbage may lie about. */
const bytesAWeight = 2 ** 28;
/** Bytes of a weight: V8 begins to collect when memory that it counts has grown by so much. */
const weightBytes = 2 ** 26;

const weights = new WeakMap<ArrayBufferLike, ArrayBuffer>();
let weight: ArrayBuffer | undefined;
let left = 0;

/** Zeros in memory that workers read without a copy. */
export function sharedFloats(length: number): Float32Array {
  return weighed(new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT)));
}

/** A copy of the values in memory that workers read without another. */
export function sharedCopy(values: Float32Array): Float32Array {
  const copy = sharedFloats(values.length);
  copy.set(values);
  return copy;
}

/** The values, whose shared memory another thread made, once they are weighed in this one. */
export function weighed(values: Float32Array): Float32Array {
  if (!weight || left < values.byteLength) {
    weight = new ArrayBuffer(weightBytes);
    left = bytesAWeight;
  }
  left -= values.byteLength;
  weights.set(values.buffer, weight);
  return values;
}
