/** A model at a smaller depth: its embeddings below fewer or narrower layers, which stand in for all of its own. */
import { join } from 'node:path';
import { ModelFormatError } from '../errors.ts';
import type { EncoderConfig } from '../network/encoder-config.ts';
import { readTensorTable } from '../weights/safetensors.ts';
import { configAtDepth } from './depth-layers.ts';
import { digestFiles } from './digest-files.ts';
import type { ModelFolder } from './folder.ts';
import type { ModelManifest } from './manifest.ts';

/** A model at one of its depths. */
export interface ModelAtDepth {
  /** The folder; readout, fusion weight and digest are those of the depth, and a smaller depth has neither heads nor precedents. */
  readonly folder: ModelFolder;
  /** The depth: layers, or as many layers' work where these are narrower. */
  readonly depth: number;
  /** The network's shape. */
  readonly config: EncoderConfig;
  /** File of the layers; absent at the model's full depth. */
  readonly layersFile?: string;
  /** The model as it reads queries. @defaultValue as it reads documents */
  readonly queries?: Pick<ModelAtDepth, 'folder' | 'config'> | undefined;
  /** How often the looped block is applied, where that is not as in training: see `withLoops`. */
  readonly loops?: number;
}

/** Depths at which a model can be read, the largest, which is all of its own layers, first. */
export function depthsOf(manifest: Pick<ModelManifest, 'depths'>, { layers }: EncoderConfig): number[] {
  return [layers, ...smallerDepths(manifest)];
}

/** The depths that a manifest names, descending. */
export function smallerDepths({ depths }: Pick<ModelManifest, 'depths'>): number[] {
  return Object.keys(depths)
    .map(Number)
    .sort((a, b) => b - a);
}

/** Depths that can tell which documents are worth reading at a larger one, descending. @param layers - Of the larger one. */
export function guessingDepths(manifest: Pick<ModelManifest, 'depths'>, layers: number): number[] {
  return smallerDepths(manifest).filter((depth) => depth < layers && manifest.depths[depth]!.dropping);
}

/** The depth that tells so: the one that is asked for, or the smallest that can; undefined where none can. */
export function guessingDepth(
  manifest: Pick<ModelManifest, 'depths'>,
  layers: number,
  asked: number | undefined,
): number | undefined {
  return asked ?? guessingDepths(manifest, layers).at(-1);
}

/**
 * The model at a depth.
 *
 * @param depth - One of {@link depthsOf}. @defaultValue the full depth
 * @throws ModelFormatError when the manifest names a depth that is not smaller than the model, or the depth's file cannot
 * be read. @throws RangeError when the model has no such depth.
 */
export async function modelAtDepth(
  folder: ModelFolder,
  config: EncoderConfig,
  depth: number = config.layers,
): Promise<ModelAtDepth> {
  assertSmaller(folder, config);
  if (depth === config.layers) return { folder, depth, config };
  const { manifest, path } = folder;
  const found = manifest.depths[depth];
  if (!found) {
    throw new RangeError(
      `modelAtDepth: expected one of ${depthsOf(manifest, config).join(', ')}, got ${depth}.`,
    );
  }
  const { weights, readout = manifest.readout, fusionWeight = manifest.fusionWeight } = found;
  const { relevance } = found;
  const layersPath = join(path, weights);
  return {
    depth,
    queries: found.queries === 'full-depth' ? { folder, config } : undefined,
    folder: {
      path,
      // Trained parts read the states of the depth that they were trained on, and residuals belong to one depth.
      manifest: {
        ...manifest,
        readout,
        fusionWeight,
        relevance,
        heads: undefined,
        precedents: undefined,
        residual: undefined,
      },
      digest: await digestWith(folder.digest, depth, layersPath),
    },
    config: configAtDepth({ depth, path: layersPath, table: await readTensorTable(layersPath) }, config),
    layersFile: weights,
  };
}

function assertSmaller({ path, manifest }: ModelFolder, config: EncoderConfig): void {
  const wrong = smallerDepths(manifest).find((depth) => depth >= config.layers);
  if (wrong === undefined) return;
  throw new ModelFormatError({
    path: join(path, 'blockrank.json'),
    expected: `depths below the model's ${config.layers} layers`,
    found: String(wrong),
  });
}

/** The model's digest with the depth and the bytes of its layers. */
function digestWith(model: string, depth: number, path: string): Promise<string> {
  return digestFiles([path], `${model}/${depth}/`);
}
