/** Opens a reranker over a model folder, whatever its family. */
import type { Reranker } from '../contract.ts';
import { modelFamily } from '../model/family.ts';
import { modelProfile } from '../model/profile.ts';
import { openCrossEncoderReranker } from './cross-encoder/open-cross-encoder-reranker.ts';
import { openDecoderReranker } from './decoder/open-decoder-reranker.ts';
import { openEncoderReranker } from './encoder/open-encoder-reranker.ts';
import { openInContextReranker } from './encoder/open-in-context-reranker.ts';
import type { RerankerOptions } from './reranker-options.ts';

/**
 * Opens a reranker: an encoder of either profile, a decoder of the `in-context` profile, or a cross-encoder, by what the
 * folder holds.
 *
 * @throws ConfigurationError listing every option that cannot be. @throws ModelFormatError when the folder is no model.
 * @throws InferenceError when the runtime cannot load it, or the device is not there.
 */
export async function openReranker(options: RerankerOptions = {}): Promise<Reranker> {
  const family = await modelFamily(options.model);
  if (family === 'cross-encoder') return openCrossEncoderReranker(options);
  if (family === 'decoder') return openDecoderReranker(options);
  const open =
    (await modelProfile(options.model)) === 'in-context' ? openInContextReranker : openEncoderReranker;
  return open(options);
}
