/** The file of an exit, beside `blockrank.json`, which names it in `exits`. */
import { join } from 'node:path';
import { ModelFormatError } from '../errors.ts';
import type { ExitProjection } from '../network/encoder-cut.ts';
import { fileDigest } from '../weights/file-digest.ts';
import { dequantiseRows, quantiseRows, scaleName } from '../weights/quantise.ts';
import { type NamedTensor, readTensorTable, toSafetensors } from '../weights/safetensors.ts';
import { bytesOf, floatTensor, readFiniteTensor } from '../weights/tensor-files.ts';
import type { ExitManifest } from './manifest.ts';

/** An exit as a folder holds it; structured-cloneable. */
export interface ExitFile extends ExitProjection {
  /** The layer behind which it reads. */
  readonly afterLayer: number;
  /** The first stage's share in the choice of documents, in [0, 1]. */
  readonly firstStageWeight: number;
  /** SHA-256 of the file, hexadecimal: it names what changes rankings and no state. */
  readonly digest: string;
}

const projectionName = 'projection';
const biasName = 'bias';

/**
 * Reads an exit.
 *
 * @param afterLayer - Its key in the manifest's `exits`.
 * @param width - Values a vector of the model.
 * @throws ModelFormatError when the file is missing or damaged, or of another model.
 */
export async function readExit(
  folder: string,
  { afterLayer, weights, firstStageWeight }: ExitManifest & { readonly afterLayer: number },
  width: number,
): Promise<ExitFile> {
  const path = join(folder, weights);
  const table = await readTensorTable(path);
  const read = async (name: string, ...shape: readonly number[]): Promise<Float32Array> => {
    const entry = table.get(name);
    if (entry?.shape.join() === shape.join()) return readFiniteTensor(path, name, entry);
    const found = entry ? `[${entry.shape}]` : 'none';
    throw new ModelFormatError({ path, expected: `tensor "${name}" of shape [${shape}]`, found });
  };
  const values = await read(projectionName, width, 2 * width);
  const scales = await read(scaleName(projectionName), width);
  return {
    afterLayer,
    firstStageWeight,
    projection: dequantiseRows(values, scales),
    bias: await read(biasName, width),
    digest: await fileDigest(path),
  };
}

/** An exit as the bytes of a file that {@link readExit} reads: the matrix in 8 bits, with one scale a row. */
export function toExitFile({ projection, bias }: ExitProjection): Uint8Array {
  const { values, scales } = quantiseRows(projection, bias.length);
  const shape = [bias.length, projection.length / bias.length];
  const matrix: NamedTensor = { name: projectionName, type: 'I8', shape, bytes: bytesOf(values) };
  return toSafetensors(
    [
      matrix,
      floatTensor(scaleName(projectionName), { shape: [bias.length], data: scales }),
      floatTensor(biasName, { shape: [bias.length], data: bias }),
    ],
    { format: 'blockrank-exit' },
  );
}
