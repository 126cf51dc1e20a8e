/**
 * Folds the weights of `rw` into a model. A layer's sum is normalised right after it, and a normalisation does not see the
 * scale of its input but for `epsilon`: `norm(a·f(x) + b·c) = norm((a/b)·f(x) + c)`. So the layer that gives `f(x)` is
 * scaled by `a/b` once, and nothing is left to compute.
 */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ConfigurationError } from '../../../errors.ts';
import { layerPrefix } from '../../../model/depth-layers.ts';
import { defaultModelFolder, openModelFolder } from '../../../model/folder.ts';
import { readEncoderConfig } from '../../../model/read-encoder-config.ts';
import {
  type ResidualFile,
  readResidual,
  residualPath,
  toResidualFile,
} from '../../../model/residual-file.ts';
import {
  type ResidualForm,
  type ResidualKind,
  residualName,
  residualShapes,
  sumsPerLayer,
} from '../../../network/residuals.ts';
import { scaleName } from '../../../weights/quantise.ts';
import {
  type NamedTensor,
  readTensorBytes,
  readTensorTable,
  toFloat32,
} from '../../../weights/safetensors.ts';
import { floatTensor, replaceWeights, storedTensor } from '../../../weights/tensor-files.ts';
import type { TrainedTensor } from '../../trainer/trainee.ts';
import { nameResidual } from './name-residual.ts';

/** What to fold, and where it goes. */
export interface ResidualFoldOptions {
  /** Model folder that the residual was trained over, at its full depth. @defaultValue the model that comes with the package */
  readonly model?: string;
  /** Name or path of the residual, as in `openReranker({ residual })`. */
  readonly residual: string;
  /** New model folder. */
  readonly folder: string;
}

/** Name, in the new folder, of what cannot be folded. */
const restName = 'rest';

/** What was written. */
export interface FoldedModel {
  /** The model folder. */
  readonly folder: string;
  /** File of what cannot be folded; the folder is read with it. Absent where nothing is left. */
  readonly residual?: string;
}

/**
 * Writes a model that computes what model and residual did, to 1e-5, without `rw`. Other residuals of the model stay behind:
 * they belong to its weights as they were.
 *
 * @throws ModelFormatError when the residual is none of this model. @throws ConfigurationError when it has no `rw`.
 */
export async function foldResidual({
  model = defaultModelFolder(),
  residual,
  folder,
}: ResidualFoldOptions): Promise<FoldedModel> {
  const { path, manifest, digest } = await openModelFolder(model);
  const { layers, width, blocks } = await readEncoderConfig(path);
  if (blocks)
    throw cannotFold(`the layers of "${path}" loop, and each turn has weights of its own; serve it as it is`);
  const read = await readResidual(residualPath(path, residual), {
    digest,
    name: manifest.name,
    layers,
    width,
  });
  const tensors = tensorsOf(read);
  if (!read.form.kind.startsWith('rw')) {
    throw cannotFold(`expected a residual with rw, got one of kind ${read.form.kind}; serve it as it is`);
  }
  const residuals = dirname(residualPath(path, restName));
  await cp(path, folder, { recursive: true, filter: (source) => source !== residuals });
  await scaleLayers(join(folder, 'model.safetensors'), scales(tensors, layers));
  const kind = read.form.kind.slice('rw+'.length);
  await nameResidual(folder, kind === '' ? undefined : restName);
  if (kind === '') return { folder };
  const form: ResidualForm = { ...read.form, kind: kind as ResidualKind };
  const rest = new Map([...tensors].filter(([name]) => !name.endsWith('.rw')));
  const target = residualPath(folder, restName);
  await mkdir(dirname(target), { recursive: true });
  const folded = await openModelFolder(folder);
  await writeFile(target, toResidualFile(rest, form, { digest: folded.digest, name: manifest.name }));
  return { folder, residual: target };
}

const cannotFold = (message: string): ConfigurationError =>
  new ConfigurationError('Cannot fold the residual', [{ path: 'residual', message }]);

function tensorsOf({ form, sizes, numbers }: ResidualFile): Map<string, TrainedTensor> {
  const tensors = new Map<string, TrainedTensor>();
  let at = 0;
  for (const [name, shape] of residualShapes(form, sizes)) {
    const count = shape.reduce((product, axis) => product * axis, 1);
    tensors.set(name, { shape, data: numbers.slice(at, at + count) });
    at += count;
  }
  return tensors;
}

/** `a/b` by the name of the linear layer whose result it scales. */
function scales(tensors: ReadonlyMap<string, TrainedTensor>, layers: number): Map<string, number> {
  const found = new Map<string, number>();
  for (let layer = 0; layer < layers; layer += 1) {
    for (const [j, name] of ['attention.output.dense', 'output.dense'].entries()) {
      const [a = 0, b = 0] = tensors.get(residualName(sumsPerLayer * layer + j, 'rw'))!.data;
      found.set(`${layerPrefix}${layer}.${name}`, (1 + Math.exp(-b)) / (1 + Math.exp(-a)));
    }
  }
  return found;
}

/** Scales matrices and biases in a file; of a matrix in 8-bit integers its scales, so that nothing is rounded anew. */
async function scaleLayers(path: string, factors: ReadonlyMap<string, number>): Promise<void> {
  const table = await readTensorTable(path);
  const factorOf = new Map<string, number>();
  for (const [layer, factor] of factors) {
    const scale = scaleName(`${layer}.weight`);
    factorOf.set(table.has(scale) ? scale : `${layer}.weight`, factor).set(`${layer}.bias`, factor);
  }
  const written: NamedTensor[] = [];
  for (const [name, entry] of table) {
    const factor = factorOf.get(name);
    if (factor === undefined) {
      written.push(await storedTensor(path, name, entry));
      continue;
    }
    const data = toFloat32(await readTensorBytes(path, entry), entry.type).map((value) => value * factor);
    written.push(floatTensor(name, { shape: entry.shape, data }));
  }
  await replaceWeights(path, written);
}
