/** Makes block states in the form in which they are kept, for those who store them where the documents are. */
import type { BlockState, StateKey } from '../../contract.ts';
import { encodeState } from '../../states/codec.ts';
import type { StateCodec } from '../../states/state-codec.ts';
import type { EncoderReranker } from './encoder-reranker.ts';

/** The form in which states are kept. */
export interface StateForm {
  /** Its name, for instance `anchor-fp16`. */
  readonly name: string;
  /**
   * Whether anchors that are stored as vectors keep their length, so that servers search them by the inner product;
   * otherwise they are scaled to 1. @defaultValue false
   */
  readonly keepsLength?: boolean | undefined;
  /** A state as bytes. */
  encode(key: StateKey, state: BlockState): Uint8Array;
}

/** Makes the states of texts. Safe to call concurrently. */
export interface StateMaker {
  /** Names the encoder. */
  readonly encodingDigest: string;
  /** How states become bytes. */
  readonly form: StateForm;
  /** One state a text, in their order. @throws InferenceError when the runtime fails. */
  encode(texts: readonly string[]): Promise<readonly BlockState[]>;
}

/**
 * A maker over an encoder's reranker of yours, which stays open until you close it. States are the same whatever else
 * the reranker is used for; one with `stateCacheBytes: 0` keeps no copies of what is stored elsewhere.
 *
 * @param codec - How states are kept. A codec of tier `tokens` needs a reranker of that tier: `encode` throws a
 *   `TypeError` otherwise.
 *
 * @example
 * const reranker = await openEncoderReranker({ tier: 'anchor', warmUp: false, stateCacheBytes: 0 });
 * const maker = stateMaker(reranker, stateCodec('anchor-fp16'));
 */
export function stateMaker(
  reranker: Pick<EncoderReranker, 'info' | 'encodeTexts'>,
  codec: StateCodec,
): StateMaker {
  return {
    encodingDigest: reranker.info.encodingDigest,
    form: { name: codec.name, encode: (key, state) => encodeState(key, state, codec) },
    async encode(texts) {
      const states = await reranker.encodeTexts(texts);
      if (codec.tier === 'tokens' && states.some(({ tokens }) => tokens === undefined)) {
        throw new TypeError(
          `stateMaker: expected a reranker of tier tokens for the codec "${codec.name}", got one of tier anchor.`,
        );
      }
      return states;
    },
  };
}
