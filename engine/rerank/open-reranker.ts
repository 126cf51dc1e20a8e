/** Opens a reranker over a model folder. */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { BlockCaps } from '../blocks/caps.ts';
import type { RerankerInfo, StateSource } from '../contract.ts';
import { ConfigurationError, type ConfigurationIssue } from '../errors.ts';
import { defaultCacheFolder } from '../model/cache-folder.ts';
import { defaultModelFolder, type ModelFolder, openModelFolder } from '../model/folder.ts';
import { readJson } from '../model/manifest.ts';
import { type EncoderConfig, type Precision, parseEncoderConfig } from '../network/encoder.ts';
import type { ReadoutParameters } from '../readout/parameters.ts';
import { openPool } from '../session/pool.ts';

const executionProvider = 'cpu';

import { layeredSource } from '../states/layered-source.ts';
import { defaultStateCacheBytes, memorySource } from '../states/memory-source.ts';
import { StateEncoder } from '../states/state-encoder.ts';
import { weightsFor } from '../weights/precision-weights.ts';
import { BlockRankReranker } from './blockrank-reranker.ts';
import type { EncoderProgramData } from './encoder-program.ts';
import { type EncoderAnswers, type EncoderTask, EncoderWorkers } from './encoder-workers.ts';

/** Options of {@link openReranker}. */
export interface RerankerOptions {
  /** Model folder. @defaultValue the model that comes with the package */
  readonly model?: string;
  /** Multiply in float32, or in 8-bit integers: smaller, and faster on processors with VNNI. @defaultValue `'fp32'` */
  readonly precision?: Precision;
  /** Which part of a block state is kept and read: every token's vector, or one a block. @defaultValue `'tokens'` */
  readonly tier?: 'tokens' | 'anchor';
  /** Worker threads, each with a session over the same mapped weights. @defaultValue the processors at hand */
  readonly workers?: number;
  /** Threads of one run inside a worker. @defaultValue 1 */
  readonly threads?: number;
  /** Tokens of one document block, 8 to the model's positions. @defaultValue the model's, 160 */
  readonly maxDocumentTokens?: number;
  /** Blocks of one document. @defaultValue the model's */
  readonly maxDocumentBlocks?: number;
  /** Tokens of the query's own words. @defaultValue the model's, 64 */
  readonly maxQueryTokens?: number;
  /** Tokens encoded in one run: bounds how long a worker cannot be interrupted. @defaultValue 384 */
  readonly batchTokens?: number;
  /** Bytes of block states kept in memory; 0 keeps none. @defaultValue 268435456 (256 MiB) */
  readonly stateCacheBytes?: number;
  /** Where block states are looked for behind the memory, and kept. It is closed with the reranker, or when that cannot be opened. */
  readonly stateSource?: StateSource;
  /** Copy weights into the layout that multiplies fastest; without, workers share mapped pages. @defaultValue true */
  readonly prepack?: boolean;
  /** Run once before answering, so that the first request finds everything loaded. @defaultValue true */
  readonly warmUp?: boolean;
  /** Reading and scoring parameters in place of the model's. */
  readonly readout?: Partial<ReadoutParameters>;
  /** Where a float32 copy of the weights is kept. @defaultValue `BLOCKRANK_CACHE`, else `~/.cache/blockrank` */
  readonly cacheFolder?: string;
}

const defaultBatchTokens = 384;

/**
 * Opens a reranker.
 *
 * @throws ConfigurationError listing every option that cannot be. @throws ModelFormatError when the folder is no model.
 * @throws InferenceError when the runtime cannot load it.
 */
export async function openReranker(options: RerankerOptions = {}): Promise<BlockRankReranker> {
  try {
    return await open(options);
  } catch (error) {
    await options.stateSource?.close();
    throw error;
  }
}

async function open(options: RerankerOptions): Promise<BlockRankReranker> {
  const folder = await openModelFolder(options.model ?? defaultModelFolder());
  const config = parseEncoderConfig(
    await readJson(join(folder.path, 'config.json')),
    join(folder.path, 'config.json'),
  );
  assertOptions(options, config);
  const data = await toProgramData(options, folder, config);
  const workers = options.workers ?? availableParallelism();
  const pool = await openPool<EncoderTask, EncoderAnswers[EncoderTask['kind']]>({
    program: new URL(
      import.meta.url.endsWith('.ts') ? './encoder-program.ts' : './encoder-program.js',
      import.meta.url,
    ),
    data,
    workers,
    executionProvider,
  });
  const encoding = new EncoderWorkers(pool);
  const memory = memorySource({ maxBytes: options.stateCacheBytes ?? defaultStateCacheBytes });
  const source = options.stateSource ? layeredSource(memory, options.stateSource) : memory;
  const readout = { ...folder.manifest.readout, ...options.readout };
  const info = toInfo(folder, data, readout);
  const reranker = new BlockRankReranker({
    info,
    modelFolder: folder.path,
    readout,
    workers: encoding,
    states: new StateEncoder({
      encodingDigest: info.encodingDigest,
      width: config.width,
      encoding,
      source,
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

async function toProgramData(
  options: RerankerOptions,
  folder: ModelFolder,
  config: EncoderConfig,
): Promise<EncoderProgramData> {
  const { manifest, path, digest } = folder;
  const precision = options.precision ?? 'fp32';
  const weights = await weightsFor(
    precision,
    { folder: path, file: 'model.safetensors', digest },
    options.cacheFolder ?? defaultCacheFolder(),
  );
  return {
    tokenizerPath: join(path, 'tokenizer.json'),
    config,
    weights: { file: weights.file, table: weights.table },
    weightsFolder: weights.folder,
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

function toInfo(folder: ModelFolder, data: EncoderProgramData, readout: ReadoutParameters): RerankerInfo {
  const { manifest } = folder;
  const { maxQueryTokens, ...documentCaps } = data.caps;
  return {
    name: manifest.name,
    encodingDigest: digestOf({
      model: folder.digest,
      documentCaps,
      precision: data.precision,
      tier: data.tier,
    }),
    readoutDigest: digestOf({ readout, instruction: manifest.instruction, maxQueryTokens }),
    profile: manifest.profile,
    executionProvider,
    languages: manifest.languages,
    fusionWeight: manifest.fusionWeight,
    ready: true,
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
  const issues: ConfigurationIssue[] = [];
  const whole = (name: keyof RerankerOptions, least: number, most: number): void => {
    const value = options[name];
    if (value === undefined || (Number.isInteger(value) && Number(value) >= least && Number(value) <= most))
      return;
    issues.push({
      path: name,
      message: `expected a whole number from ${least} to ${most}, got ${String(value)}`,
    });
  };
  const oneOf = (name: keyof RerankerOptions, accepted: readonly string[]): void => {
    const value = options[name];
    if (value === undefined || accepted.includes(String(value))) return;
    issues.push({ path: name, message: `expected ${accepted.join(' or ')}, got ${JSON.stringify(value)}` });
  };
  whole('workers', 1, 1024);
  whole('threads', 1, 1024);
  whole('maxDocumentTokens', 8, config.positions);
  whole('maxDocumentBlocks', 1, 1024);
  whole('maxQueryTokens', 1, config.positions - 32);
  whole('batchTokens', 1, 1_000_000);
  whole('stateCacheBytes', 0, Number.MAX_SAFE_INTEGER);
  oneOf('precision', ['fp32', 'int8']);
  oneOf('tier', ['tokens', 'anchor']);
  if (issues.length > 0) throw new ConfigurationError('Cannot open the reranker', issues);
}
