/** Opens a reranker over an encoder's folder. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { BlockCaps } from '../../blocks/caps.ts';
import { defaultCacheFolder } from '../../cache-folder.ts';
import type { RerankerInfo, StateSource } from '../../contract.ts';
import { depthsOf, layerPrefix, type ModelAtDepth, modelAtDepth } from '../../model/depth.ts';
import { defaultModelFolder, openModelFolder } from '../../model/folder.ts';
import type { ModelManifest } from '../../model/manifest.ts';
import { readJson } from '../../model/manifest.ts';
import { readHeads } from '../../model/readout-heads.ts';
import { type ResidualFile, readResidual, residualPath } from '../../model/residual-file.ts';
import { type EncoderConfig, parseEncoderConfig } from '../../network/encoder-config.ts';
import { residualSizes } from '../../network/residuals.ts';
import type { ReadoutParameters } from '../../readout/parameters.ts';
import { fixedWeight } from '../../scores/fusion.ts';
import { devices } from '../../session/device.ts';
import { layeredSource } from '../../states/layered-source.ts';
import { lmdbSource } from '../../states/lmdb-source.ts';
import { defaultStateCacheBytes, memorySource } from '../../states/memory-source.ts';
import type { StateCodec } from '../../states/state-codec.ts';
import { StateEncoder } from '../../states/state-encoder.ts';
import { weightsFor } from '../../weights/precision-weights.ts';
import { OptionCheck, type RerankerOptions } from '../reranker-options.ts';
import { choosePlaces, type EncoderPlaces } from './encoder-places.ts';
import type { EncoderProgramData } from './encoder-program.ts';
import { EncoderReranker } from './encoder-reranker.ts';
import type { EncoderWorkers } from './encoder-workers.ts';
import { openEncoderWorkers, toWaveOptions } from './open-encoder-workers.ts';

/**
 * Opens an encoder of the `cacheable` profile, with all that tuning and readouts of one's own need.
 *
 * @throws ConfigurationError listing every option that cannot be. @throws ModelFormatError when the folder is none of
 * an encoder. @throws InferenceError when the runtime cannot load it.
 */
export async function openEncoderReranker(options: RerankerOptions = {}): Promise<EncoderReranker> {
  try {
    return await open(options);
  } catch (error) {
    await options.stateSource?.close();
    throw error;
  }
}

async function open(options: RerankerOptions): Promise<EncoderReranker> {
  const whole = await openModelFolder(options.model ?? defaultModelFolder());
  const configPath = join(whole.path, 'config.json');
  const wholeConfig = parseEncoderConfig(await readJson(configPath), configPath);
  assertOptions(options, whole.manifest, wholeConfig);
  const model = await modelAtDepth(whole, wholeConfig, options.depth);
  const { folder, config } = model;
  const { heads } = folder.manifest;
  const trained = heads === undefined ? undefined : await readHeads(folder.path, heads, config.width);
  const residual = await openResidual(options, model);
  const places = await choosePlaces(options);
  const data: EncoderProgramData = { ...(await toProgramData(options, model, places)), residual };
  const { encoding, workers } = await openEncoderWorkers(options, data, places);
  const memory = memorySource({ maxBytes: options.stateCacheBytes ?? defaultStateCacheBytes });
  const kept = keptSource(options);
  const source = kept ? layeredSource(memory, kept) : memory;
  const readout = { ...folder.manifest.readout, ...options.readout };
  const info = toInfo(
    model,
    { data, places, stateCodec: options.stateCodec, readout, headsDigest: trained?.digest },
    () => encoding.isOpen,
  );
  const reranker = new EncoderReranker({
    info,
    modelFolder: folder.path,
    precision: places.precision,
    width: config.width,
    readout,
    heads: trained?.heads,
    workers: encoding,
    states: new StateEncoder({
      encodingDigest: info.encodingDigest,
      width: config.width,
      encoding,
      source,
      tier: data.tier,
      ...(options.stateCodec && { codec: options.stateCodec }),
      batchTokens: places.batchTokens,
      ...(places.isProcessorAlone
        ? { workers }
        : { workers: 1, waves: toWaveOptions(data, places, workers) }),
    }),
    close: async () => {
      await encoding.close();
      await source.close();
    },
  });
  try {
    if (options.warmUp ?? true) await warmUp(encoding, data.caps, places, workers);
  } catch (error) {
    await reranker.close();
    throw error;
  }
  return reranker;
}

async function openResidual(
  options: RerankerOptions,
  { folder, config }: ModelAtDepth,
): Promise<ResidualFile | undefined> {
  const { digest, manifest, path } = folder;
  const residual = options.residual ?? manifest.residual;
  if (residual === undefined) return undefined;
  const base = { digest, name: manifest.name, ...residualSizes(config) };
  return readResidual(residualPath(path, residual), base);
}

/** Where states are kept between runs: the folder, in front of the source that was given. */
function keptSource({ stateFolder, stateSource, stateCodec }: RerankerOptions): StateSource | undefined {
  if (stateFolder === undefined) return stateSource;
  const folder = lmdbSource({ folder: stateFolder, ...(stateCodec && { codec: stateCodec }) });
  return stateSource ? layeredSource(folder, stateSource) : folder;
}

async function toProgramData(
  options: RerankerOptions,
  { folder, config, layersFile }: ModelAtDepth,
  places: EncoderPlaces,
): Promise<EncoderProgramData> {
  const { manifest, path, digest } = folder;
  const replaced = layersFile === undefined ? {} : { replaced: { file: layersFile, prefix: layerPrefix } };
  const precision = places.processorPrecision;
  const weights = await weightsFor(
    precision,
    { folder: path, file: 'model.safetensors', digest, ...replaced },
    options.cacheFolder ?? defaultCacheFolder(),
  );
  return {
    tokenizerPath: join(path, 'tokenizer.json'),
    config,
    weights,
    modelDigest: digest,
    precision,
    instruction: manifest.instruction,
    caps: {
      ...manifest.caps,
      maxDocumentTokens: options.maxDocumentTokens ?? manifest.caps.maxDocumentTokens,
      maxDocumentBlocks: options.maxDocumentBlocks ?? manifest.caps.maxDocumentBlocks,
      maxQueryTokens: options.maxQueryTokens ?? manifest.caps.maxQueryTokens,
    },
    tier: options.tier ?? 'tokens',
    threads: options.threads ?? 1,
    prepack: options.prepack ?? true,
  };
}

function toInfo(
  { folder, config }: ModelAtDepth,
  {
    data,
    places,
    stateCodec,
    readout,
    headsDigest,
  }: {
    readonly data: EncoderProgramData;
    readonly places: EncoderPlaces;
    readonly stateCodec: StateCodec | undefined;
    readonly readout: ReadoutParameters;
    readonly headsDigest: string | undefined;
  },
  isOpen: () => boolean,
): RerankerInfo {
  const { manifest } = folder;
  const { maxQueryTokens, ...documentCaps } = data.caps;
  return {
    name: manifest.name,
    depth: config.layers,
    encodingDigest: digestOf({
      model: folder.digest,
      documentCaps,
      precision: places.precision,
      // Left out by JSON where there is none: the digest is then what it was without this property.
      residual: data.residual?.digest,
    }),
    readoutDigest: digestOf({
      readout,
      // Left out by JSON where there are none: the digest is then what it was without this property.
      heads: headsDigest,
      instruction: manifest.instruction,
      maxQueryTokens,
      tier: data.tier,
      stateCodec: stateCodec?.name,
    }),
    profile: manifest.profile,
    executionProvider: places.provider,
    languages: manifest.languages,
    fusionWeight: fixedWeight(manifest.fusionWeight),
    ...(typeof manifest.fusionWeight === 'object' && {
      predictedFusionWeight: manifest.fusionWeight.predicted,
    }),
    get ready(): boolean {
      return isOpen();
    },
  };
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}

/** Loads code paths, touches every weight, and fills the runtime's buffers: with one block in every worker. */
async function warmUp(
  encoding: EncoderWorkers,
  caps: BlockCaps,
  { isProcessorAlone, batchTokens }: EncoderPlaces,
  workers: number,
): Promise<void> {
  const block = new Int32Array(caps.maxDocumentTokens).fill(1);
  const pair = [block, block];
  if (isProcessorAlone) await Promise.all(Array.from({ length: workers }, () => encoding.encode(pair, {})));
  else await warmUpDevice(encoding, pair, batchTokens / caps.maxDocumentTokens);
  await encoding.encodeQuery('warm up');
}

/** A device that takes longer than this for its largest batch, in milliseconds, is no card: it is not kept at it for nothing. */
const longestWarmUpMs = 5000;

/** A device chooses kernels and takes memory for the sizes that it meets: the least batch, then the largest. */
async function warmUpDevice(
  encoding: EncoderWorkers,
  pair: readonly Int32Array[],
  blocks: number,
): Promise<void> {
  await encoding.encode(pair, {});
  const start = performance.now();
  await encoding.encode(pair, {});
  const pairMs = performance.now() - start;
  if ((pairMs * blocks) / 2 > longestWarmUpMs) return;
  await encoding.encode(
    Array.from({ length: Math.max(2, Math.ceil(blocks)) }, () => pair[0]!),
    {},
  );
}

function assertOptions(options: RerankerOptions, manifest: ModelManifest, config: EncoderConfig): void {
  const check = new OptionCheck(options);
  check.workers();
  check.whole('threads', 1, 1024);
  check.whole('maxDocumentTokens', 8, config.positions);
  check.whole('maxDocumentBlocks', 1, 1024);
  check.whole('maxQueryTokens', 1, config.positions - 32);
  check.whole('batchTokens', 1, 1_000_000);
  const depths = depthsOf(manifest, config);
  if (options.depth !== undefined && !depths.includes(options.depth)) {
    const known = depths.length === 1 ? `${depths[0]}, the model's only one` : depths.join(' or ');
    check.tell('depth', `expected ${known}, got ${String(options.depth)}`);
  }
  check.whole('stateCacheBytes', 0, Number.MAX_SAFE_INTEGER);
  check.oneOf('precision', ['fp32', 'int8', 'fp16']);
  check.oneOf('tier', ['tokens', 'anchor']);
  check.oneOf('device', devices);
  if (options.precision === 'int8' && (options.device ?? 'cpu') !== 'cpu') {
    check.tell('precision', 'int8 is computed on the processor alone; leave it out, or leave out the device');
  }
  const tier = options.tier ?? 'tokens';
  if (options.stateCodec && options.stateCodec.tier !== tier) {
    check.tell(
      'stateCodec',
      `expected a codec of tier ${tier}, which is what is read, got ${options.stateCodec.name}`,
    );
  }
  check.absent('an encoder', ['memoryLimitBytes', 'deviceMemoryLimitBytes', 'warmUpDocuments']);
  check.finish();
}
