/** Opens a reranker over an encoder's folder. */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { BlockCaps } from '../../blocks/caps.ts';
import { defaultCacheFolder } from '../../cache-folder.ts';
import type { RerankerInfo, StateSource } from '../../contract.ts';
import { defaultModelFolder, type ModelFolder, openModelFolder } from '../../model/folder.ts';
import { readJson } from '../../model/manifest.ts';
import { type EncoderConfig, parseEncoderConfig } from '../../network/encoder-config.ts';
import type { ReadoutParameters } from '../../readout/parameters.ts';
import { chooseProvider, devices } from '../../session/device.ts';
import { openProgram } from '../../session/open-program.ts';
import { layeredSource } from '../../states/layered-source.ts';
import { lmdbSource } from '../../states/lmdb-source.ts';
import { defaultStateCacheBytes, memorySource } from '../../states/memory-source.ts';
import type { StateCodec } from '../../states/state-codec.ts';
import { StateEncoder } from '../../states/state-encoder.ts';
import { weightsFor } from '../../weights/precision-weights.ts';
import { OptionCheck, type RerankerOptions } from '../reranker-options.ts';
import type { EncoderProgramData } from './encoder-program.ts';
import { EncoderReranker } from './encoder-reranker.ts';
import { type EncoderAnswers, type EncoderTask, EncoderWorkers } from './encoder-workers.ts';

const defaultBatchTokens = 384;

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
  const folder = await openModelFolder(options.model ?? defaultModelFolder());
  const config = parseEncoderConfig(
    await readJson(join(folder.path, 'config.json')),
    join(folder.path, 'config.json'),
  );
  assertOptions(options, config);
  const data = await toProgramData(options, folder, config);
  const program = await openProgram<EncoderTask, EncoderAnswers[EncoderTask['kind']]>(
    {
      program: new URL(
        import.meta.url.endsWith('.ts') ? './encoder-program.ts' : './encoder-program.js',
        import.meta.url,
      ),
      data,
      executionProvider: data.provider,
    },
    options.pool ?? options.workers ?? availableParallelism(),
  );
  const workers = program.size;
  const encoding = new EncoderWorkers(program);
  const memory = memorySource({ maxBytes: options.stateCacheBytes ?? defaultStateCacheBytes });
  const kept = keptSource(options);
  const source = kept ? layeredSource(memory, kept) : memory;
  const readout = { ...folder.manifest.readout, ...options.readout };
  const info = toInfo(folder, data, {
    readout,
    stateCodec: options.stateCodec,
    isOpen: () => encoding.isOpen,
  });
  const reranker = new EncoderReranker({
    info,
    modelFolder: folder.path,
    width: config.width,
    readout,
    workers: encoding,
    states: new StateEncoder({
      encodingDigest: info.encodingDigest,
      width: config.width,
      encoding,
      source,
      tier: data.tier,
      ...(options.stateCodec && { codec: options.stateCodec }),
      workers,
      batchTokens: options.batchTokens ?? defaultBatchTokens,
    }),
    close: async () => {
      await encoding.close();
      await source.close();
    },
  });
  try {
    if (options.warmUp ?? true) await warmUp(encoding, workers, data.caps);
  } catch (error) {
    await reranker.close();
    throw error;
  }
  return reranker;
}

/** Where states are kept between runs: the folder, in front of the source that was given. */
function keptSource({ stateFolder, stateSource, stateCodec }: RerankerOptions): StateSource | undefined {
  if (stateFolder === undefined) return stateSource;
  const folder = lmdbSource({ folder: stateFolder, ...(stateCodec && { codec: stateCodec }) });
  return stateSource ? layeredSource(folder, stateSource) : folder;
}

async function toProgramData(
  options: RerankerOptions,
  folder: ModelFolder,
  config: EncoderConfig,
): Promise<EncoderProgramData> {
  const { manifest, path, digest } = folder;
  const precision = options.precision === 'int8' ? 'int8' : 'fp32';
  const weights = await weightsFor(
    precision,
    { folder: path, file: 'model.safetensors', digest },
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
    provider: await chooseProvider(options.device ?? 'cpu'),
  };
}

function toInfo(
  folder: ModelFolder,
  data: EncoderProgramData,
  {
    readout,
    stateCodec,
    isOpen,
  }: {
    readonly readout: ReadoutParameters;
    readonly stateCodec: StateCodec | undefined;
    readonly isOpen: () => boolean;
  },
): RerankerInfo {
  const { manifest } = folder;
  const { maxQueryTokens, ...documentCaps } = data.caps;
  return {
    name: manifest.name,
    encodingDigest: digestOf({
      model: folder.digest,
      documentCaps,
      precision: data.precision,
    }),
    readoutDigest: digestOf({
      readout,
      instruction: manifest.instruction,
      maxQueryTokens,
      tier: data.tier,
      stateCodec: stateCodec?.name,
    }),
    profile: manifest.profile,
    executionProvider: data.provider,
    languages: manifest.languages,
    fusionWeight: manifest.fusionWeight,
    get ready(): boolean {
      return isOpen();
    },
  };
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}

/** One block in every worker: loads code paths, touches every weight, and fills the runtime's buffers. */
async function warmUp(encoding: EncoderWorkers, workers: number, caps: BlockCaps): Promise<void> {
  const block = new Int32Array(caps.maxDocumentTokens).fill(1);
  await Promise.all(Array.from({ length: workers }, () => encoding.encode([block, block], {})));
  await encoding.encodeQuery('warm up');
}

function assertOptions(options: RerankerOptions, config: EncoderConfig): void {
  const check = new OptionCheck(options);
  check.workers();
  check.whole('threads', 1, 1024);
  check.whole('maxDocumentTokens', 8, config.positions);
  check.whole('maxDocumentBlocks', 1, 1024);
  check.whole('maxQueryTokens', 1, config.positions - 32);
  check.whole('batchTokens', 1, 1_000_000);
  check.whole('stateCacheBytes', 0, Number.MAX_SAFE_INTEGER);
  check.oneOf('precision', ['fp32', 'int8']);
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
  check.absent('an encoder', ['memoryLimitBytes']);
  check.finish();
}
