/** Describes a model folder without running the model. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ModelFormatError } from '../errors.ts';
import { missingWeights } from '../network/decoder-weights.ts';
import { parseEncoderConfig } from '../network/encoder-config.ts';
import { chooseProvider, devices } from '../session/device.ts';
import type { ExecutionProvider } from '../session/runtime.ts';
import { scaleName } from '../weights/quantise.ts';
import { readTensorTable, type TensorTable } from '../weights/safetensors.ts';
import { openDecoderFolder } from './decoder-folder.ts';
import { depthsOf, layerPrefix } from './depth.ts';
import { isDecoderFolder } from './family.ts';
import { openModelFolder } from './folder.ts';
import { readGates } from './gates-file.ts';
import { ggufPath } from './gguf-path.ts';
import { readPrecedents } from './precedents-file.ts';
import { readPromptTools } from './prompt-tools.ts';
import { readJson } from './read-json.ts';
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
  /** Encoders: smaller numbers of layers that the model has weights for, which `depth` asks for. */
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
  /** Layers. */
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
  const { path, manifest } = await openModelFolder(model);
  const config = parseEncoderConfig(await readJson(join(path, 'config.json')), join(path, 'config.json'));
  const table = await readTensorTable(join(path, 'model.safetensors'));
  const entries = [...table.values()];
  const problems: string[] = [];
  const depths: DepthReport[] = [];
  for (const layers of depthsOf(manifest, config).slice(1)) {
    const file = manifest.depths[layers]!.weights;
    const own = await readTensorTable(join(path, file));
    problems.push(...depthProblems({ layers, file }, table, own));
    depths.push({ layers, file, bytes: [...own.values()].reduce((sum, { length }) => sum + length, 0) });
  }
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

/** Tensors that the layers of a depth lack, by the shapes of the model's own layers. */
function depthProblems(
  { layers, file }: Pick<DepthReport, 'layers' | 'file'>,
  whole: TensorTable,
  own: TensorTable,
): string[] {
  const isScale = (name: string): boolean => name.endsWith(scaleName(''));
  return [...whole].flatMap(([name, { shape }]) => {
    if (!name.startsWith(layerPrefix) || isScale(name)) return [];
    if (Number.parseInt(name.slice(layerPrefix.length), 10) >= layers) return [];
    const found = own.get(name);
    if (found?.shape.join() === shape.join()) return [];
    const what = found ? `of shape [${found.shape}]` : 'missing';
    return [`depth ${layers}: tensor "${name}" of "${file}" is ${what}, expected shape [${shape}]`];
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
