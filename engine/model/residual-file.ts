/** The small file of a residual: learned sums for one model, which it names by its digest. */
import { join, resolve } from 'node:path';
import * as z from 'zod';
import { ModelFormatError } from '../errors.ts';
import {
  type ResidualForm,
  type ResidualSizes,
  residualKinds,
  residualShapes,
} from '../network/residuals.ts';
import { sharedFloats } from '../session/shared-floats.ts';
import { fileDigest } from '../weights/file-digest.ts';
import { readTensorMetadata, readTensorTable, toSafetensors } from '../weights/safetensors.ts';
import { assertFloatTensors, floatTensor, type Numbers, readFiniteTensor } from '../weights/tensor-files.ts';

/** A residual as it is served. */
export interface ResidualFile {
  /** Kind and sizes. */
  readonly form: ResidualForm;
  /** Sizes of the network that it belongs to. */
  readonly sizes: ResidualSizes;
  /** Every tensor, one after another in the order of `residualShapes`, in memory that threads share. */
  readonly numbers: Float32Array;
  /** SHA-256 of the file, hexadecimal: states depend on it. */
  readonly digest: string;
}

/** What a residual must fit. */
export interface ResidualBase extends ResidualSizes {
  /** The model's digest, at the depth that is read. */
  readonly digest: string;
  /** The model's name, for errors. */
  readonly name: string;
}

/** Folder inside a model's folder in which residuals are found by name. */
const residualFolder = 'residuals';
const extension = '.safetensors';

/** Whether a residual is given by its path, not by its name: what ends in `.safetensors` or holds a slash. */
export function isResidualPath(residual: string): boolean {
  return /[/\\]/.test(residual) || residual.endsWith(extension);
}

/** Where a residual lies: a name is looked up in the folder `residuals` of the model's folder. */
export function residualPath(modelFolder: string, residual: string): string {
  if (isResidualPath(residual)) return resolve(residual);
  return join(modelFolder, residualFolder, `${residual}${extension}`);
}

const format = 'blockrank-residual';
const metadataSchema = z.object({
  format: z.literal(format),
  kind: z.enum(residualKinds),
  rank: z.coerce.number().pipe(z.int().min(1)),
  window: z.coerce.number().pipe(z.int().min(1)),
  model: z.string(),
  modelName: z.string(),
});

/**
 * Reads a residual.
 *
 * @throws ModelFormatError when the file is missing or damaged, is no residual, or is one of another model.
 */
export async function readResidual(path: string, base: ResidualBase): Promise<ResidualFile> {
  const form = await readForm(path, base);
  const table = await readTensorTable(path);
  const shapes = residualShapes(form, base);
  assertFloatTensors(path, table, { shapes, all: `${shapes.size} tensors and none besides` });
  const length = [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const numbers = sharedFloats(length);
  let at = 0;
  for (const name of shapes.keys()) {
    const data = await readFiniteTensor(path, name, table.get(name)!);
    numbers.set(data, at);
    at += data.length;
  }
  const digest = await fileDigest(path);
  return { form, sizes: { layers: base.layers, width: base.width }, numbers, digest };
}

async function readForm(path: string, base: ResidualBase): Promise<ResidualForm> {
  const parsed = metadataSchema.safeParse(await readTensorMetadata(path));
  if (!parsed.success) {
    const found = parsed.error.issues
      .map(({ path: at, message }) => `${at.join('.')}: ${message}`)
      .join('; ');
    throw new ModelFormatError({ path, expected: 'the metadata of a residual', found });
  }
  const { kind, rank, window, model, modelName } = parsed.data;
  if (model !== base.digest) {
    throw new ModelFormatError({
      path,
      expected: `a residual of the model "${base.name}" with ${base.layers} layers (digest ${base.digest.slice(0, 16)})`,
      found: `one of "${modelName}" (digest ${model.slice(0, 16)}); train it on this model, or open the model that it belongs to`,
    });
  }
  return { kind, rank, window };
}

/** A residual as the bytes of a file that {@link readResidual} reads. @param tensors - By the names of `residualShapes`. */
export function toResidualFile(
  tensors: ReadonlyMap<string, Numbers>,
  { kind, rank, window }: ResidualForm,
  base: Pick<ResidualBase, 'digest' | 'name'>,
): Uint8Array {
  const named = [...tensors].map(([name, numbers]) => floatTensor(name, numbers));
  return toSafetensors(named, {
    format,
    kind,
    rank: String(rank),
    window: String(window),
    model: base.digest,
    modelName: base.name,
  });
}
