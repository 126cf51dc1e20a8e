/** A smaller copy of a model folder's weights: matrices as 8-bit integers, one scale a row. */
import { writeFile } from 'node:fs/promises';
import { quantiseRows, scaleName } from '../weights/quantise.ts';
import { type NamedTensor, readTensorBytes, readTensorTable, toFloat32, toSafetensors } from '../weights/safetensors.ts';

/**
 * Writes the weights of one safetensors file to another: matrices as int8 with float32 scales, vectors as float32.
 *
 * @throws ModelFormatError when the source is damaged.
 */
export async function quantiseWeights(source: string, target: string): Promise<void> {
  const table = await readTensorTable(source);
  const tensors: NamedTensor[] = [];
  for (const [name, entry] of table) {
    const values = toFloat32(await readTensorBytes(source, entry), entry.type);
    const [rows, columns] = entry.shape;
    if (rows === undefined || columns === undefined) {
      tensors.push({ name, type: 'F32', shape: entry.shape, bytes: bytesOf(values) });
      continue;
    }
    const quantised = quantiseRows(values, rows);
    tensors.push({ name, type: 'I8', shape: entry.shape, bytes: bytesOf(quantised.values) });
    tensors.push({ name: scaleName(name), type: 'F32', shape: [rows], bytes: bytesOf(quantised.scales) });
  }
  // Float32 tensors first, so that each lies where its type asks.
  tensors.sort((a, b) => Number(b.type === 'F32') - Number(a.type === 'F32'));
  await writeFile(target, toSafetensors(tensors, { format: 'pt', quantised: 'int8, one scale a row' }));
}

function bytesOf(values: Float32Array | Int8Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
