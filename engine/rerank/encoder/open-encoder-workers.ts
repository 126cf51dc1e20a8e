/** Opens an encoder's programs where the places say. */
import { availableParallelism } from 'node:os';
import { openProgram } from '../../session/open-program.ts';
import type { PooledProgram } from '../../session/pool.ts';
import { programModule } from '../../session/program-module.ts';
import type { BatchOptions } from '../../states/batches.ts';
import type { WaveOptions } from '../../states/waves.ts';
import type { RerankerOptions } from '../reranker-options.ts';
import type { DeviceBatch, DeviceStates, EncoderDeviceData } from './device-program.ts';
import type { EncoderPlaces } from './encoder-places.ts';
import type { EncoderProgramData } from './encoder-program.ts';
import { type EncoderAnswers, type EncoderTask, EncoderWorkers } from './encoder-workers.ts';

/** Programs on the processor's workers, and on the device where there is one. */
export async function openEncoderWorkers(
  options: Pick<RerankerOptions, 'pool' | 'workers'>,
  data: EncoderProgramData,
  places: EncoderPlaces,
): Promise<{ readonly encoding: EncoderWorkers; readonly workers: number }> {
  const program = await openProgram<EncoderTask, EncoderAnswers[EncoderTask['kind']]>(
    { program: programModule('encoder-program', import.meta.url), data, executionProvider: 'cpu' },
    options.pool ?? options.workers ?? availableParallelism(),
  );
  const { size: workers } = program;
  if (places.isProcessorAlone) return { encoding: new EncoderWorkers(program), workers };
  try {
    const device = await openDeviceProgram(data, places);
    const { tier, config } = data;
    return { encoding: new EncoderWorkers(program, { program: device, width: config.width, tier }), workers };
  } catch (error) {
    await program.close();
    throw error;
  }
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
