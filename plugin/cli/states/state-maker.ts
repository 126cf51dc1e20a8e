/** Opens the model that makes states. */
import {
  openEncoderReranker,
  type StateCodec,
  type StateMaker,
  stateCodec,
  stateMaker,
} from '../../../engine/index.ts';
import { toRerankerOptions } from '../../compose/reranker-options.ts';
import type { RerankerConfig } from '../../config/index.ts';
import { wrongOption } from '../errors.ts';

/** Settings of a reranker, of which those of its encoder are taken, and the form of states. */
export interface MakerSettings extends RerankerConfig {
  /** The form. @defaultValue half precision of `tier`, which is `anchor` unless it is given */
  readonly codec?: string | undefined;
}

/** A maker that holds a model. */
export interface OpenStateMaker extends StateMaker {
  /** Frees it. */
  close(): Promise<void>;
}

/** Opens a maker. @throws ConfigurationError for a form that is none. @throws ModelFormatError when the model folder is none of an encoder. */
export async function openStateMaker({ codec: name, ...reranker }: MakerSettings): Promise<OpenStateMaker> {
  const codec = codecOf(name ?? `${reranker.tier ?? 'anchor'}-fp16`);
  const options = await toRerankerOptions({
    ...reranker,
    tier: codec.tier,
    warmUp: false,
    // What is encoded is stored, and not asked for again.
    stateCacheBytes: 0,
    stateFolder: undefined,
    stateRedis: undefined,
    stateCodec: undefined,
  });
  const encoder = await openEncoderReranker(options);
  return { ...stateMaker(encoder, codec), close: () => encoder.close() };
}

/** Runs work with a maker, and closes that after it. */
export async function withStateMaker<T>(
  settings: MakerSettings,
  work: (maker: StateMaker) => Promise<T>,
): Promise<T> {
  const maker = await openStateMaker(settings);
  try {
    return await work(maker);
  } finally {
    await maker.close();
  }
}

/** The codec of `--codec`. @throws ConfigurationError when it is none. */
export function codecOf(name: string): StateCodec {
  try {
    return stateCodec(name);
  } catch (error) {
    throw wrongOption('--codec', (error as Error).message, error);
  }
}
