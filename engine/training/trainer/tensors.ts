/** What is done with trained tensors as a whole. */
import { createHash } from 'node:crypto';
import type { TensorValue } from '../../graph/tensor.ts';
import type { TrainedTensor, TrainedTensors } from './trainee.ts';

/** Tensors with numbers of their own, in memory that is not shared. */
export function copyTensors(tensors: TrainedTensors): TrainedTensors {
  return mapTensors(tensors, ({ data }) => data.slice());
}

/** Sets numbers in place. The other tensors have the same names and shapes. */
export function setTensors(tensors: TrainedTensors, from: TrainedTensors): void {
  for (const [name, { data }] of tensors) data.set(from.get(name)!.data);
}

/**
 * `(1 - weight) start + weight end`, number by number; at weights 0 and 1 exactly one of them.
 *
 * Source: Wortsman et al. 2022 (arXiv:2109.01903), section 3.
 */
export function interpolate(start: TrainedTensors, end: TrainedTensors, weight: number): TrainedTensors {
  return mapTensors(start, ({ data }, name) => {
    const other = end.get(name)!.data;
    return data.map((value, i) => (1 - weight) * value + weight * other[i]!);
  });
}

/** Tensors as a graph is fed them, by name; nothing is copied. */
export function toTensorFeeds(tensors: TrainedTensors): Record<string, TensorValue> {
  return Object.fromEntries(
    [...tensors].map(([name, { shape, data }]) => [name, { type: 'float32', shape, data } as const]),
  );
}

/** Name of the first tensor with a number that is not finite; undefined where all are. */
export function firstNotFinite(
  tensors: ReadonlyMap<string, Pick<TrainedTensor, 'data'>>,
): string | undefined {
  for (const [name, { data }] of tensors) if (!areFinite(data)) return name;
  return undefined;
}

function areFinite(data: Float32Array): boolean {
  // A number times 0 is 0, or not a number: one sum asks about millions of them at once.
  let sum = 0;
  for (let i = 0; i < data.length; i += 1) sum += data[i]! * 0;
  return sum === 0;
}

/** SHA-256 of names, shapes and numbers, as hexadecimal. */
export function digestOf(tensors: TrainedTensors): string {
  const hash = createHash('sha256');
  for (const [name, { shape, data }] of tensors) {
    hash.update(JSON.stringify([name, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

function mapTensors(
  tensors: TrainedTensors,
  map: (tensor: TrainedTensor, name: string) => Float32Array,
): TrainedTensors {
  return new Map(
    [...tensors].map(([name, tensor]) => [name, { shape: tensor.shape, data: map(tensor, name) }] as const),
  );
}
