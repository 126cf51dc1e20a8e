/** The file that holds the gates of an encoder of the `in-context` profile, beside `blockrank.json`, which names it as `gates`. */
import { join } from 'node:path';
import { ModelFormatError } from '../errors.ts';
import { gatesName, layerOfGates } from '../network/cross-attention.ts';
import type { EncoderConfig } from '../network/encoder-config.ts';
import { readTensorBytes, readTensorTable, toFloat32, toSafetensors } from '../weights/safetensors.ts';
import { floatTensor, isFloat } from '../weights/tensor-files.ts';

/** Gates by number of the layer, ascending, 0 first; a factor a head each, shape `[heads]`. */
export type Gates = ReadonlyMap<number, Float32Array>;

/**
 * Reads gates.
 *
 * @throws ModelFormatError when the file is missing or damaged, holds none, or its tensors are not gates of this model.
 */
export async function readGates(folder: string, file: string, config: EncoderConfig): Promise<Gates> {
  const path = join(folder, file);
  const found: [number, Float32Array][] = [];
  for (const [name, entry] of await readTensorTable(path)) {
    const layer = layerOfGates(name);
    const isGate = layer !== undefined && layer < config.layers && entry.shape.join() === `${config.heads}`;
    const isRead = isGate && isFloat(entry.type);
    const data = isRead ? toFloat32(await readTensorBytes(path, entry), entry.type) : undefined;
    if (!data?.every(Number.isFinite)) {
      throw new ModelFormatError({
        path,
        expected: `finite gates of shape [${config.heads}] of layers below ${config.layers}`,
        found: `tensor "${name}" of shape [${entry.shape}] and type ${entry.type}`,
      });
    }
    found.push([layer!, data]);
  }
  if (found.length === 0) throw new ModelFormatError({ path, expected: 'gates', found: 'no tensor' });
  return new Map(found.sort(([a], [b]) => a - b));
}

/** Gates as the bytes of a file that {@link readGates} reads. */
export function toGatesFile(gates: Gates): Uint8Array {
  const tensors = [...gates].map(([layer, data]) =>
    floatTensor(gatesName(layer), { shape: [data.length], data }),
  );
  return toSafetensors(tensors, { format: 'blockrank-gates' });
}
