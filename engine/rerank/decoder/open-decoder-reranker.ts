/** Opens a reranker over a decoder's folder. */
import { availableParallelism, freemem } from 'node:os';
import type { RerankerInfo } from '../../contract.ts';
import { ConfigurationError } from '../../errors.ts';
import { infoDigest } from '../../info-digest.ts';
import { type DecoderFolder, openDecoderFolder } from '../../model/decoder-folder.ts';
import { leastDocumentTokens } from '../../model/decoder-manifest.ts';
import { assertReach } from '../../network/assert-reach.ts';
import type { DecoderConfig } from '../../network/decoder-config.ts';
import { chooseProvider, devices, hasHalfPrecision } from '../../session/device.ts';
import { cardMemoryBytes } from '../../session/graphics-cards.ts';
import { openProgram } from '../../session/open-program.ts';
import { programModule } from '../../session/program-module.ts';
import type { ExecutionProvider } from '../../session/runtime.ts';
import { opened } from '../opened.ts';
import { OptionCheck, type RerankerOptions } from '../reranker-options.ts';
import type { DecoderProgramData } from './decoder-program.ts';
import { DecoderReranker } from './decoder-reranker.ts';
import type { DecoderAnswers, DecoderTask } from './decoder-tasks.ts';
import { listPolicy } from './list-path.ts';

const defaultBatchTokens = 768;

/** Share of the free memory that one shortlist may take. */
const memoryShare = 0.8;

/**
 * Opens a decoder of the `in-context` profile.
 *
 * @throws ConfigurationError listing every option that cannot be. @throws ModelFormatError when the folder is none of a
 * decoder. @throws InferenceError when the runtime cannot load it, or the device is not there.
 */
export async function openDecoderReranker(options: RerankerOptions): Promise<DecoderReranker> {
  try {
    return await open(options);
  } catch (error) {
    await options.stateSource?.close(); // no decoder keeps one, but whoever gave it need not know
    throw error;
  }
}

async function open(options: RerankerOptions): Promise<DecoderReranker> {
  if (options.model === undefined) {
    throw new ConfigurationError('Cannot open the reranker', [
      { path: 'model', message: 'expected the folder of a decoder, got nothing' },
    ]);
  }
  const folder = await openDecoderFolder(options.model, options.cacheFolder);
  assertOptions(options, folder.config);
  const data = await toProgramData(options, folder);
  assertReaches(folder, data);
  const deviceLimitBytes = await deviceMemoryLimit(options, data.session.provider ?? 'cpu');
  const program = await openProgram<DecoderTask, DecoderAnswers[DecoderTask['kind']]>(
    {
      program: programModule('decoder-program', import.meta.url),
      data,
      executionProvider: data.session.provider ?? 'cpu',
    },
    options.pool ?? options.workers ?? 1,
  );
  const reranker = new DecoderReranker({
    info: toInfo(folder, data, () => program.isOpen),
    modelFolder: folder.path,
    program,
    allowedBytes: () => ({
      host: options.memoryLimitBytes ?? Math.floor(freemem() * memoryShare),
      device: deviceLimitBytes / program.size, // every worker's session holds weights of its own
    }),
  });
  return opened(reranker, async () => {
    if (!(options.warmUp ?? true)) return;
    await warmUp(reranker, program.size, { documents: 1, words: 1 });
    const { warmUpDocuments: documents } = options;
    if (documents) await warmUp(reranker, program.size, { documents, words: data.caps.maxDocumentTokens });
  });
}

/** Share of a card's memory that weights and one shortlist may take; CUDA itself and its kernels take some of the rest. */
const cardShare = 0.9;

async function deviceMemoryLimit(
  { deviceMemoryLimitBytes }: RerankerOptions,
  provider: ExecutionProvider,
): Promise<number> {
  if (deviceMemoryLimitBytes !== undefined) return deviceMemoryLimitBytes;
  const bytes = provider === 'cuda' ? await cardMemoryBytes() : undefined;
  return bytes === undefined ? Number.POSITIVE_INFINITY : Math.floor(bytes * cardShare);
}

async function toProgramData(options: RerankerOptions, folder: DecoderFolder): Promise<DecoderProgramData> {
  const { manifest, config, weights } = folder;
  const provider = await chooseProvider(options.device ?? 'cpu');
  const isHalf = provider !== 'cpu' && (await hasHalfPrecision(provider));
  const precision = options.precision ?? (isHalf ? 'fp16' : 'fp32');
  const computeType = precision === 'fp16' ? 'float16' : 'float32';
  return {
    modelPath: folder.path,
    parts: {
      config,
      weights: weights.table,
      digest: folder.digest,
      computeType,
    },
    scoring: manifest.scoring,
    caps: {
      maxDocumentTokens: options.maxDocumentTokens ?? manifest.caps.maxDocumentTokens,
      maxQueryTokens: options.maxQueryTokens ?? manifest.caps.maxQueryTokens,
      truncation: manifest.truncation,
    },
    batchTokens: options.batchTokens ?? defaultBatchTokens,
    policy: listPolicy(provider, { computeType, batchTokens: options.batchTokens }),
    session: {
      folder: weights.folder,
      // Workers run side by side, so that those of a shared pool share the processors out.
      threads: options.threads ?? Math.max(1, Math.floor(availableParallelism() / (options.pool?.size ?? 1))),
      prepack: options.prepack ?? false,
      provider,
    },
  };
}

function toInfo(
  folder: DecoderFolder,
  { caps, parts, session }: DecoderProgramData,
  isOpen: () => boolean,
): RerankerInfo {
  const { manifest, digest } = folder;
  return {
    name: manifest.name,
    encodingDigest: infoDigest({ model: digest, caps, computeType: parts.computeType }),
    readoutDigest: infoDigest({ scoring: manifest.scoring }),
    profile: 'in-context',
    executionProvider: session.provider ?? 'cpu',
    languages: manifest.languages,
    takesInstructions: true,
    fusionWeight: manifest.fusionWeight,
    get ready(): boolean {
      return isOpen();
    },
  };
}

/** A window that is too short would hide documents from the query block without a word. */
function assertReaches({ config, path }: DecoderFolder, { scoring, caps }: DecoderProgramData): void {
  if (scoring.method !== 'signal-tokens') return; // how far it must reach depends on the list
  assertReach(config, scoring.layer + 1, scoring.queryPosition + 2 * caps.maxQueryTokens, path);
}

/**
 * One list in every worker: a short one loads code paths and touches every weight; one of the size that is to come has
 * kernels chosen and memory taken for it.
 */
async function warmUp(
  reranker: DecoderReranker,
  workers: number,
  { documents, words }: { readonly documents: number; readonly words: number },
): Promise<void> {
  const text = 'warm '.repeat(words);
  const shortlist = {
    query: { text: 'warm up' },
    candidates: Array.from({ length: documents }, (_, i) => ({ docId: String(i), text, segments: [] })),
    firstStage: 'unknown',
  } as const;
  await Promise.all(Array.from({ length: workers }, () => reranker.rerank(shortlist)));
}

function assertOptions(options: RerankerOptions, config: DecoderConfig): void {
  const check = new OptionCheck(options, 'a decoder');
  check.workers();
  check.whole('threads', 1, 1024);
  check.whole('maxDocumentTokens', leastDocumentTokens, config.positions);
  check.whole('maxQueryTokens', 1, config.positions);
  check.whole('batchTokens', 1, 1_000_000);
  check.whole('memoryLimitBytes', 1, Number.MAX_SAFE_INTEGER);
  check.whole('deviceMemoryLimitBytes', 1, Number.MAX_SAFE_INTEGER);
  check.oneOf('precision', ['fp32', 'fp16']);
  check.oneOf('device', devices);
  check.whole('warmUpDocuments', 1, 100_000);
  check.finish();
}
