/**
 * Where each part of an encoder's work runs: the one place that says so.
 *
 * Cold documents go to the device. Tokenising, the query block and the readout's products run on processor workers
 * whatever the device is: the first would leave the device waiting, and of a list that is known already the rest takes
 * less time there than the way to a device and back.
 */
import { chooseProvider, type Device, hasHalfPrecision } from '../../session/device.ts';
import type { ExecutionProvider } from '../../session/runtime.ts';

/** What computes what. */
export interface EncoderPlaces {
  /** Encodes documents. */
  readonly provider: ExecutionProvider;
  /** How it multiplies. */
  readonly precision: 'fp32' | 'int8' | 'fp16';
  /** Whether documents are encoded by the processor workers too, so that there is nothing else. */
  readonly isProcessorAlone: boolean;
  /** How the processor workers multiply what is no query, and the form of the weights that a device is given. */
  readonly processorPrecision: 'fp32' | 'int8' | 'fp16';
  /** How they multiply query blocks. */
  readonly queryPrecision: 'fp32' | 'int8' | 'fp16';
  /** Tokens of one run. */
  readonly batchTokens: number;
}

/** Tokens of one run on a processor: about 250 ms of one core, which a deadline has to wait for. */
const processorBatchTokens = 384;
/** Tokens of one run on a device: larger ones are no faster, and leave it waiting longer for the first. */
const deviceBatchTokens = 8192;

/**
 * Opens the device and decides.
 *
 * @param options - As the user gave them.
 * @throws InferenceError when a device that is asked for by name cannot be opened.
 */
export async function choosePlaces(options: {
  readonly device?: Device;
  readonly precision?: 'fp32' | 'int8' | 'fp16';
  readonly queryPrecision?: 'fp32' | 'int8';
  readonly batchTokens?: number;
}): Promise<EncoderPlaces> {
  const { device = 'cpu', queryPrecision, batchTokens } = options;
  const provider = await chooseProvider(device);
  if (provider === 'cpu') {
    const precision = options.precision ?? 'fp32';
    return {
      provider,
      precision,
      isProcessorAlone: true,
      processorPrecision: precision,
      queryPrecision: queryPrecision ?? precision,
      batchTokens: batchTokens ?? processorBatchTokens,
    };
  }
  return {
    provider,
    precision: options.precision ?? ((await hasHalfPrecision(provider)) ? 'fp16' : 'fp32'),
    isProcessorAlone: false,
    processorPrecision: 'fp32',
    queryPrecision: queryPrecision ?? 'fp32',
    batchTokens: batchTokens ?? deviceBatchTokens,
  };
}
