/** Opens an encoder's programs where the places say. */
import { availableParallelism } from 'node:os';
import { openProgram } from '../../session/open-program.ts';
import type { PooledProgram, WorkerPool } from '../../session/pool.ts';
import { programModule } from '../../session/program-module.ts';
import type { BatchOptions } from '../../states/batches.ts';
import type { WaveOptions } from '../../states/waves.ts';
import type { RerankerOptions } from '../reranker-options.ts';
import type { DeviceBatch, DeviceStates, EncoderDeviceData } from './device-program.ts';
import type { EncoderPlaces } from './encoder-places.ts';
import type { EncoderProgramData } from './encoder-program-data.ts';
import { type EncoderAnswers, type EncoderTask, EncoderWorkers } from './encoder-workers.ts';

/** Options of {@link openEncoderWorkers}. */
type EncoderWorkerOptions = Pick<RerankerOptions, 'pool' | 'workers' | 'queryThreads' | 'warmUp'>;

/** Programs on the processor's workers, on one that runs query blocks wide, and on the device where there is one. */
export async function openEncoderWorkers(
  options: EncoderWorkerOptions,
  data: EncoderProgramData,
  places: EncoderPlaces,
): Promise<{ readonly encoding: EncoderWorkers; readonly workers: number }> {
  const on = options.pool ?? options.workers ?? availableParallelism();
  const workers = typeof on === 'number' ? on : on.size;
  const threads = queryThreads(options, data, workers);
  const alone = toQueryData(data);
  const opening = [
    openOnProcessor(
      places.isProcessorAlone ? withQueryForm(data, threads === 1 || workers > threads) : alone,
      on,
    ),
    threads > 1 ? openOnProcessor({ ...alone, threads }, typeof on === 'number' ? 1 : on.beside) : undefined,
    places.isProcessorAlone ? undefined : openDeviceProgram(data, places),
  ] as const;
  try {
    const [program, wide, device] = await Promise.all(opening);
    const encoding = new EncoderWorkers(program, {
      wide: wide && { program: wide, threads },
      device: device && { program: device, width: data.config.width, tier: data.tier },
    });
    return { encoding, workers };
  } catch (error) {
    const opened = await Promise.allSettled(opening);
    await Promise.all(opened.map((one) => (one.status === 'fulfilled' ? one.value?.close() : undefined)));
    throw error;
  }
}

type EncoderProcess = PooledProgram<EncoderTask, EncoderAnswers[EncoderTask['kind']]>;

const openOnProcessor = (data: EncoderProgramData, on: WorkerPool | number): Promise<EncoderProcess> =>
  openProgram(
    { program: programModule('encoder-program', import.meta.url), data, executionProvider: 'cpu' },
    on,
  );

/** What a worker is given that encodes queries alone. */
function toQueryData({ queries, guessing: _, ...data }: EncoderProgramData): EncoderProgramData {
  return queries ? { ...data, ...queries } : data;
}

/**
 * What a worker is given that encodes documents too.
 *
 * @param isAsked - Whether it is to run queries. Where there is a worker with as many threads as there are workers, they
 * have none to run as long as that one lives.
 */
function withQueryForm(data: EncoderProgramData, isAsked: boolean): EncoderProgramData {
  return data.queries ? { ...data, queries: { ...data.queries, isLate: !isAsked } } : data;
}

/** More threads share a query block's little work ever less well. */
const mostQueryThreads = 4;

/**
 * Threads of a run of query blocks; one: the workers run them. One where somebody asks for little memory or a
 * quick start, and for documents that see the query: there its block is a small part of the work.
 */
function queryThreads(
  { queryThreads: asked, warmUp }: EncoderWorkerOptions,
  { threads, prepack, gates }: EncoderProgramData,
  workers: number,
): number {
  if (gates) return 1;
  if (asked !== undefined) return asked;
  const isModest = warmUp === false || !prepack || threads > 1;
  return isModest ? 1 : Math.min(workers, mostQueryThreads);
}

function openDeviceProgram(
  { config, weights, modelDigest, tier, residual, gates }: EncoderProgramData,
  { provider, precision }: EncoderPlaces,
): Promise<PooledProgram<DeviceBatch, DeviceStates>> {
  const data: EncoderDeviceData = {
    config,
    weights,
    modelDigest,
    precision: precision === 'fp16' ? 'fp16' : 'fp32',
    tier,
    provider,
    residual,
    gates,
  };
  return openProgram(
    { program: programModule('device-program', import.meta.url), data, executionProvider: provider },
    1,
  );
}

/**
 * How documents are put into batches; for a device a list is tokenised ahead of it.
 *
 * @param workers - Those on the processor, which tokenise.
 */
export function toBatchOptions(
  { caps }: EncoderProgramData,
  { batchTokens, isProcessorAlone }: EncoderPlaces,
  workers: number,
): BatchOptions & { readonly waves?: WaveOptions; readonly documentTokens: number } {
  const documentTokens = caps.maxDocumentTokens * caps.maxDocumentBlocks;
  if (isProcessorAlone) return { batchTokens, workers, documentTokens };
  const waves = { waveTokens: batchTokens, documentTokens, tokenisers: workers };
  return { batchTokens, workers: 1, waves, documentTokens };
}
