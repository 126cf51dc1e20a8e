/** Opens the model that makes states. */
import {
  ConfigurationError,
  openEncoderReranker,
  type StateMaker,
  stateCodec,
  stateMaker,
} from '../../engine/index.ts';

/** Options that name a model and the form of states. */
export interface MakerFlags {
  /** `--tier` */
  readonly tier: 'anchor' | 'tokens';
  /** `--codec` */
  readonly codec?: string;
  /** `--model` */
  readonly model?: string;
  /** `--precision` */
  readonly precision?: 'fp32' | 'int8';
}

/** A maker that holds a model. */
export interface OpenStateMaker extends StateMaker {
  /** Frees it. */
  close(): Promise<void>;
}

/** Opens a maker. @throws ConfigurationError for a form that is none. @throws ModelFormatError when the model folder is none of an encoder. */
export async function openStateMaker({
  tier,
  codec: name,
  model,
  precision,
}: MakerFlags): Promise<OpenStateMaker> {
  const codec = codecOf(name ?? `${tier}-fp16`);
  const reranker = await openEncoderReranker({
    tier: codec.tier,
    warmUp: false,
    // What is encoded is stored, and not asked for again.
    stateCacheBytes: 0,
    ...(model !== undefined && { model }),
    ...(precision && { precision }),
  });
  return { ...stateMaker(reranker, codec), close: () => reranker.close() };
}

function codecOf(name: string): ReturnType<typeof stateCodec> {
  try {
    return stateCodec(name);
  } catch (error) {
    const { message } = error as Error;
    throw new ConfigurationError('Wrong options', [{ path: '--codec', message }], { cause: error });
  }
}
