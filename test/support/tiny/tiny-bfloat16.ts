/** A model folder's weights in bfloat16, as most published decoders have them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readTensorBytes, readTensorTable, toSafetensors } from '../../../engine/weights/safetensors.ts';

/** Cuts every float32 tensor of a folder to its upper halves, in place. Gives the folder's path again. */
export async function inBfloat16(folder: string): Promise<string> {
  const path = join(folder, 'model.safetensors');
  const tensors = [];
  for (const [name, entry] of await readTensorTable(path)) {
    const bytes = await readTensorBytes(path, entry);
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
    const halves = Uint16Array.from(words, (word) => word >>> 16);
    tensors.push({ name, type: 'BF16' as const, shape: entry.shape, bytes: new Uint8Array(halves.buffer) });
  }
  await writeFile(path, toSafetensors(tensors, {}));
  return folder;
}
