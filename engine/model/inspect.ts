/** Describes a model folder without running the model. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ModelFormatError } from '../errors.ts';
import { missingWeights } from '../network/decoder-weights.ts';
import type { EncoderConfig } from '../network/encoder-config.ts';
import { chooseProvider, devices } from '../session/device.ts';
import type { ExecutionProvider } from '../session/runtime.ts';
import { scaleName } from '../weights/quantise.ts';
import { readTensorTable, type TensorTable } from '../weights/safetensors.ts';
import { openDecoderFolder } from './decoder-folder.ts';
import { smallerDepths } from './depth.ts';
import { configAtDepth, type DepthFile, layerPrefix, layersIn, shapeAtDepth } from './depth-layers.ts';
import { isDecoderFolder } from './family.ts';
import { type ModelFolder, openModelFolder } from './folder.ts';
import { readGates } from './gates-file.ts';
import { ggufPath } from './gguf-path.ts';
import { readPrecedents } from './precedents-file.ts';
import { readPromptTools } from './prompt-tools.ts';
import { readEncoderConfig } from './read-encoder-config.ts';
import { readHeads } from './readout-heads.ts';

/** The report of {@link inspectModel}. */
export interface ModelReport {
  /** Absolute path. */
  readonly path: string;
  /** The model's name. */
  readonly name: string;
  /** The family of its network. */
  readonly family: 'encoder' | 'decoder';
  /** How documents are read. */
  readonly profile: 'cacheable' | 'in-context';
  /** How scores are read. */
  readonly scoring: object;
  /** Layers of the network. */
  readonly layers: number;
  /** Number of layers that a request computes. */
  readonly computedLayers: number;
  /** Encoders: smaller depths that the model has weights for, which `depth` asks for. */
  readonly depths?: readonly DepthReport[];
  /** Values a vector. */
  readonly width: number;
  /** Attention heads. */
  readonly heads: number;
  /** Bytes of the weights. */
  readonly bytes: number;
  /** Element types of the weights. */
  readonly types: readonly string[];
  /** Bytes of keys and values that a document token leaves for one request; decoders alone. */
  readonly bytesPerToken?: number;
  /** Problems: weights that are missing or have a wrong shape. */
  readonly problems: readonly string[];
  /** Whether each device opens here: `true`, or why not. */
  readonly devices: Readonly<Record<ExecutionProvider, true | string>>;
}

/** One smaller depth of a model. */
export interface DepthReport {
  /** The depth. */
  readonly depth: number;
  /** Layers of its own: more than the depth where they are narrower than the model's. */
  readonly layers: number;
  /** Name of the file of its weights. */
  readonly file: string;
  /** Bytes of these weights, which come on top of the model's. */
  readonly bytes: number;
}

/** Describes a model. @throws ModelFormatError when the folder holds no model. */
export async function inspectModel(model: string): Promise<ModelReport> {
  const report = (await isDecoderFolder(model)) ? await decoderReport(model) : await encoderReport(model);
  return { ...report, devices: await openDevices() };
}

type Report = Omit<ModelReport, 'devices'>;

async function decoderReport(model: string): Promise<Report> {
  const folder = await openDecoderFolder(model);
  const { config, manifest, weights } = folder;
  const { scoring } = manifest;
  const computed = scoring.method === 'signal-tokens' ? scoring.layer + 1 : scoring.layers.to;
  const entries = [...weights.table.values()];
  const kept = scoring.method === 'signal-tokens' ? 2 * scoring.layer + 1 : 2 * computed;
  const file = ggufPath(model);
  const problems = missingWeights(config, weights.table);
  await readPromptTools(folder.path).catch((error: unknown) => {
    if (!(error instanceof ModelFormatError)) throw error;
    problems.push(error.message);
  });
  return {
    path: folder.path,
    name: manifest.name,
    family: 'decoder',
    profile: 'in-context',
    scoring,
    layers: config.layers,
    computedLayers: computed,
    width: config.width,
    heads: config.heads,
    bytes: file ? (await stat(file)).size : entries.reduce((sum, { length }) => sum + length, 0),
    types: [...new Set(entries.map(({ type }) => type))],
    bytesPerToken: kept * config.keyValueHeads * config.headSize * Float32Array.BYTES_PER_ELEMENT,
    problems,
  };
}

async function encoderReport(model: string): Promise<Report> {
  const folder = await openModelFolder(model);
  const { path, manifest } = folder;
  const config = await readEncoderConfig(path);
  const table = await readTensorTable(join(path, 'model.safetensors'));
  const entries = [...table.values()];
  const { depths, problems } = await depthReports(folder, config, table);
  return {
    path: resolve(path),
    name: manifest.name,
    family: 'encoder',
    profile: manifest.profile,
    scoring: {
      ...manifest.readout,
      ...(manifest.heads !== undefined && { heads: manifest.heads }),
      ...(manifest.precedents && { precedents: manifest.precedents.file }),
    },
    layers: config.layers,
    computedLayers: config.layers,
    depths,
    width: config.width,
    heads: config.heads,
    bytes: entries.reduce((sum, { length }) => sum + length, 0),
    types: [...new Set(entries.map(({ type }) => type))],
    problems: [
      ...problems,
      ...(await problemsOf(manifest.heads, (file) => readHeads(path, file, config.width))),
      ...(await problemsOf(manifest.precedents?.file, (file) => readPrecedents(path, file, config.width))),
      ...(await problemsOf(manifest.gates, (file) => readGates(path, file, config))),
    ],
  };
}

/** The smaller depths of a model, and what is wrong with their files. */
async function depthReports(
  folder: ModelFolder,
  config: EncoderConfig,
  whole: TensorTable,
): Promise<{ readonly depths: readonly DepthReport[]; readonly problems: readonly string[] }> {
  const depths: DepthReport[] = [];
  const problems: string[] = [];
  for (const depth of smallerDepths(folder.manifest)) {
    const file = folder.manifest.depths[depth]!.weights;
    const table = await readTensorTable(join(folder.path, file));
    problems.push(...depthProblems({ depth, path: file, table }, config, whole));
    const bytes = [...table.values()].reduce((sum, { length }) => sum + length, 0);
    depths.push({ depth, layers: layersIn(table), file, bytes });
  }
  return { depths, problems };
}

/** What is wrong with a depth's layers, and which tensors they lack. @param whole - With the model's own layers. */
function depthProblems(own: DepthFile, config: EncoderConfig, whole: TensorTable): string[] {
  const { depth, path: file, table } = own;
  let atDepth: EncoderConfig;
  try {
    atDepth = configAtDepth(own, config);
  } catch (error) {
    if (error instanceof ModelFormatError) return [`depth ${depth}: ${error.message}`];
    throw error;
  }
  const isScale = (name: string): boolean => name.endsWith(scaleName(''));
  return [...whole].flatMap(([name, { shape }]) => {
    if (!name.startsWith(layerPrefix) || isScale(name)) return [];
    if (Number.parseInt(name.slice(layerPrefix.length), 10) >= atDepth.layers) return [];
    const found = table.get(name);
    const expected = shapeAtDepth(name, shape, atDepth);
    if (found?.shape.join() === expected.join()) return [];
    const what = found ? `of shape [${found.shape}]` : 'missing';
    return [`depth ${depth}: tensor "${name}" of "${file}" is ${what}, expected shape [${expected}]`];
  });
}

/** What is wrong with a file that the manifest may name. */
async function problemsOf(
  file: string | undefined,
  read: (file: string) => Promise<unknown>,
): Promise<string[]> {
  if (file === undefined) return [];
  return read(file).then(
    () => [],
    (error: unknown) => {
      if (error instanceof ModelFormatError) return [error.message];
      throw error;
    },
  );
}

async function openDevices(): Promise<ModelReport['devices']> {
  const found: Record<string, true | string> = {};
  for (const device of devices) {
    if (device === 'auto') continue;
    found[device] = await chooseProvider(device).then(
      () => true as const,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
  }
  return found as ModelReport['devices'];
}
