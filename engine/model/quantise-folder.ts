/** A smaller copy of a model folder's weights: matrices as 8-bit integers, one scale a row or a run of columns. */
import { writeFile } from 'node:fs/promises';
import { quantiseRows, scaleName } from '../weights/quantise.ts';
import {
  type NamedTensor,
  readTensorBytes,
  readTensorTable,
  toFloat32,
  toSafetensors,
} from '../weights/safetensors.ts';
import { bytesOf, floatTensor } from '../weights/tensor-files.ts';

/** Options of {@link quantiseWeights}. */
export interface QuantisationOptions {
  /**
   * Consecutive columns of a row that share a scale; a matrix whose rows this number does not divide keeps one scale a
   * row. Fewer columns lose less and take more bytes: four more for each group. @defaultValue the whole row
   */
  readonly groupColumns?: number;
}

/**
 * Writes the weights of one safetensors file to another: matrices as int8 with float32 scales, vectors as float32.
 *
 * @throws ModelFormatError when the source is damaged. @throws RangeError when `groupColumns` is no whole number >= 1.
 */
export async function quantiseWeights(
  source: string,
  target: string,
  { groupColumns }: QuantisationOptions = {},
): Promise<void> {
  if (groupColumns !== undefined && !(Number.isInteger(groupColumns) && groupColumns >= 1)) {
    throw new RangeError(
      `quantiseWeights: expected groupColumns as a whole number >= 1, got ${groupColumns}.`,
    );
  }
  const table = await readTensorTable(source);
  const tensors: NamedTensor[] = [];
  for (const [name, entry] of table) {
    const values = toFloat32(await readTensorBytes(source, entry), entry.type);
    const [rows, columns] = entry.shape;
    if (rows === undefined || columns === undefined) {
      tensors.push(floatTensor(name, { shape: entry.shape, data: values }));
      continue;
    }
    const group = groupColumns && columns % groupColumns === 0 ? groupColumns : columns;
    const quantised = quantiseRows(values, values.length / group);
    const scaleShape = group === columns ? [rows] : [rows, columns / group];
    tensors.push({ name, type: 'I8', shape: entry.shape, bytes: bytesOf(quantised.values) });
    tensors.push(floatTensor(scaleName(name), { shape: scaleShape, data: quantised.scales }));
  }
  // Float32 tensors first, so that each tensor is aligned to its type.
  tensors.sort((a, b) => Number(b.type === 'F32') - Number(a.type === 'F32'));
  const quantised = `int8, one scale a ${groupColumns ? `run of ${groupColumns} columns` : 'row'}`;
  await writeFile(target, toSafetensors(tensors, { format: 'pt', quantised }));
}
