/** An encoder opened for the training of some of its layers. */
import { join } from 'node:path';
import type { BlockCaps } from '../../blocks/caps.ts';
import type { Profile } from '../../contract.ts';
import { ConfigurationError, type ConfigurationIssue } from '../../errors.ts';
import { depthsOf, type ModelAtDepth, modelAtDepth } from '../../model/depth.ts';
import { layerPrefix } from '../../model/depth-layers.ts';
import { defaultModelFolder, type ModelFolder, openModelFolder } from '../../model/folder.ts';
import { type Gates, readGates } from '../../model/gates-file.ts';
import { modelWeights } from '../../model/model-weights.ts';
import { readEncoderConfig } from '../../model/read-encoder-config.ts';
import { readJson } from '../../model/read-json.ts';
import { readHeads } from '../../model/readout-heads.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import type { ReadoutHeads } from '../../readout/heads.ts';
import type { ReadoutParameters } from '../../readout/parameters.ts';
import { sharedCopy } from '../../session/shared-floats.ts';
import { parseTokenizer } from '../../tokenizer/tokenizer.ts';
import type { WeightFile } from '../../weights/precision-weights.ts';
import { readTensorBytes, toFloat32 } from '../../weights/safetensors.ts';
import type { TrainedTensor, TrainedTensors } from '../trainer/trainee.ts';
import type { BlockMaker } from './list-blocks.ts';

/** Which layers of which model. */
export interface LayerModelOptions {
  /** Model folder. @defaultValue the model that comes with the package */
  readonly model?: string;
  /** One of the model's depths. @defaultValue all of the model's */
  readonly depth?: number;
  /** Layers that are trained, from the bottom, 0 first. @defaultValue all layers of the depth */
  readonly layers?: readonly number[];
  /** Token budgets in training, which may be smaller than in serving. @defaultValue the model's */
  readonly caps?: Partial<BlockCaps>;
  /** Where copies of weights in another form are kept. @defaultValue `BLOCKRANK_CACHE`, else `~/.cache/blockrank` */
  readonly cacheFolder?: string;
}

/** See {@link openLayerModel}. */
export interface LayerModel extends BlockMaker {
  /** The model's folder, absolute. */
  readonly path: string;
  /** The model's name. */
  readonly name: string;
  /** The model's digest at this depth. */
  readonly digest: string;
  /** Shape of the trained network. */
  readonly config: EncoderConfig;
  /** The depth. */
  readonly depth: number;
  /** Layers of the model's full depth. */
  readonly fullDepth: number;
  /** Whether queries are read by the full depth when the model is served at this one. */
  readonly readsQueriesAtFullDepth: boolean;
  /** File in the model's folder that holds the trained layers. */
  readonly layersFile: string;
  /** Float32 weights of the trained network. */
  readonly weights: WeightFile;
  /** Numbers of the trained layers, ascending. */
  readonly trained: readonly number[];
  /** Their weights, taken out of the file. */
  readonly tensors: TrainedTensors;
  /** Reading and scoring at this depth. */
  readonly readout: ReadoutParameters;
  /** Share of a lexical first stage in the fused order at this depth, in [0, 1]. */
  readonly fusionWeight: number;
  /** Trained parts of the readout, which stay as they are. */
  readonly heads: ReadoutHeads | undefined;
  /** Gates of a model of the `in-context` profile; of any other there are none. */
  readonly gates: Gates;
}

/**
 * Opens a model.
 *
 * @param profile - How documents are read in training. Of `in-context`, a model of either profile is opened, and the upper half
 *   of its layers is trained where nothing is said; of `cacheable`, one of that profile.
 * @throws ConfigurationError when the model has no such depth or layer, or cannot be trained so. @throws ModelFormatError
 */
export async function openLayerModel(
  options: LayerModelOptions,
  profile: Profile = 'cacheable',
): Promise<LayerModel> {
  const whole = await openModelFolder(options.model ?? defaultModelFolder());
  const path = (file: string): string => join(whole.path, file);
  const wholeConfig = await readEncoderConfig(whole.path);
  const atDepth = await openAtDepth(options, whole, wholeConfig);
  assertProfile(profile, whole, wholeConfig);
  const { folder, config, depth, layersFile, queries } = atDepth;
  const weights = await modelWeights('fp32', atDepth, options.cacheFolder);
  const { heads, gates, fusionWeight } = folder.manifest;
  const all = Array.from({ length: config.layers }, (_, layer) => layer);
  const otherwise = profile === 'cacheable' ? all : all.slice(Math.floor(config.layers / 2));
  const trained = [...new Set(options.layers ?? otherwise)].sort((a, b) => a - b);
  return {
    path: whole.path,
    name: folder.manifest.name,
    digest: folder.digest,
    config,
    depth,
    fullDepth: wholeConfig.layers,
    readsQueriesAtFullDepth: queries !== undefined,
    layersFile: layersFile ?? 'model.safetensors',
    weights,
    trained,
    tensors: await readLayers(weights, trained),
    readout: folder.manifest.readout,
    // A rule needs both orders; development then measures the model's own.
    fusionWeight: typeof fusionWeight === 'number' ? fusionWeight : 0,
    heads: heads === undefined ? undefined : (await readHeads(folder.path, heads, config.width)).heads,
    gates: gates === undefined ? new Map() : await readGates(folder.path, gates, config),
    tokenizer: parseTokenizer(await readJson(path('tokenizer.json')), path('tokenizer.json')),
    instruction: folder.manifest.instruction,
    caps: { ...folder.manifest.caps, ...options.caps },
  };
}

async function readLayers({ folder, table }: WeightFile, layers: readonly number[]): Promise<TrainedTensors> {
  const tensors = new Map<string, TrainedTensor>();
  const names = [...table.keys()].filter((name) =>
    layers.some((layer) => name.startsWith(`${layerPrefix}${layer}.`)),
  );
  for (const name of names.sort()) {
    const entry = table.get(name)!;
    const data = toFloat32(await readTensorBytes(join(folder, entry.file), entry), entry.type);
    tensors.set(name, { shape: entry.shape, data: sharedCopy(data) });
  }
  return tensors;
}

function assertProfile(profile: Profile, { path, manifest }: ModelFolder, { blocks }: EncoderConfig): void {
  const problem =
    profile === 'cacheable' && manifest.profile === 'in-context'
      ? 'reads documents together with the query (profile in-context); train it with kind in-context'
      : profile === 'in-context' && blocks
        ? 'has layers that loop, which documents cannot see a query through; take a model without blocks'
        : undefined;
  if (problem === undefined) return;
  throw new ConfigurationError('Cannot train layers of the encoder', [
    { path: 'model', message: `"${path}" ${problem}` },
  ]);
}

/** @throws ConfigurationError when the model has no such depth, or the depth no such layer. */
async function openAtDepth(
  { layers, depth: asked }: LayerModelOptions,
  whole: ModelFolder,
  config: EncoderConfig,
): Promise<ModelAtDepth> {
  const depth = asked ?? config.layers;
  const depths = depthsOf(whole.manifest, config);
  const model = depths.includes(depth) ? await modelAtDepth(whole, config, depth) : undefined;
  const count = model?.config.layers ?? depth;
  const issues: ConfigurationIssue[] = [];
  if (!model) issues.push({ path: 'depth', message: `expected ${depths.join(' or ')}, got ${depth}` });
  const wrong = layers?.filter((layer) => !Number.isInteger(layer) || layer < 0 || layer >= count) ?? [];
  if (layers?.length === 0 || wrong.length > 0) {
    const found = wrong.length > 0 ? wrong.join(', ') : 'none';
    issues.push({ path: 'layers', message: `expected whole numbers from 0 to ${count - 1}, got ${found}` });
  }
  if (!model || issues.length > 0) throw new ConfigurationError('Cannot train layers of the encoder', issues);
  return model;
}
