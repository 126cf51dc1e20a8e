/** Opens the model that makes states. */
import {
  openEncoderReranker,
  type Precision,
  type StateCodec,
  type StateMaker,
  stateCodec,
  stateMaker,
} from '../../../engine/index.ts';
import { toRerankerOptions } from '../../compose/reranker-options.ts';
import type { RerankerConfig } from '../../config/index.ts';
import { wrongOption } from '../errors.ts';

/** Settings of a reranker, of which a maker takes those of the encoder, and the form of states. */
export interface MakerSettings extends RerankerConfig {
  /** The form. @defaultValue half precision of `tier`, which is `anchor` unless it is given */
  readonly codec?: string | undefined;
}

/** A maker that holds a model. */
export interface OpenStateMaker extends StateMaker {
  /** How the encoder multiplies: the settings', or what the device does best. */
  readonly precision: Precision;
  /** Frees the model. */
  close(): Promise<void>;
}

/**
 * Opens a maker. @throws ConfigurationError for an unknown form. @throws ModelFormatError when the folder holds no
 * encoder.
 */
export async function openStateMaker({ codec: name, ...reranker }: MakerSettings): Promise<OpenStateMaker> {
  const codec = codecOf(name ?? `${reranker.tier ?? 'anchor'}-fp16`);
  const options = await toRerankerOptions({
    ...reranker,
    tier: codec.tier,
    warmUp: false,
    // A build stores each state and does not ask for it again.
    stateCacheBytes: 0,
    stateFolder: undefined,
    dropping: undefined,
    stopping: undefined,
    stateRedis: undefined,
    stateCodec: undefined,
  });
  const encoder = await openEncoderReranker(options);
  return { ...stateMaker(encoder, codec), precision: encoder.precision, close: () => encoder.close() };
}

/** Runs work with a maker, and closes the maker after it. */
export async function withStateMaker<T>(
  settings: MakerSettings,
  work: (maker: OpenStateMaker) => Promise<T>,
): Promise<T> {
  const maker = await openStateMaker(settings);
  try {
    return await work(maker);
  } finally {
    await maker.close();
  }
}

/** The codec of `--codec`. @throws ConfigurationError when no codec has that name. */
export function codecOf(name: string): StateCodec {
  try {
    return stateCodec(name);
  } catch (error) {
    throw wrongOption('--codec', (error as Error).message, error);
  }
}
