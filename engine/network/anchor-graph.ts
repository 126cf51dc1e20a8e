/** What gives anchors alone: the last layer is computed for each block's first token, all below it for every token. */
import type { Value } from '../graph/value.ts';
import { l2Normalise } from './encoder.ts';
import { EncoderBuilder, type Precision } from './encoder-builder.ts';
import type { EncoderConfig } from './encoder-config.ts';
import { encoderInputs } from './encoder-inputs.ts';
import { appliedLayers } from './loops.ts';
import type { Parameters } from './parameters.ts';

/**
 * L2-normalised last states of the first tokens, float32 `[B, W]`. Fed by `toEncoderFeeds`.
 *
 * @param parameters - As of `encoderGraph`.
 */
export function anchorGraph(
  config: EncoderConfig,
  parameters: Parameters,
  precision: Precision,
): { readonly anchors: Value } {
  const builder = new EncoderBuilder(config, { parameters, precision, inputs: encoderInputs() });
  const layers = appliedLayers(config);
  const below = layers.slice(0, -1).reduce((x, layer) => builder.layer(layer, x), builder.embeddings());
  return { anchors: l2Normalise(builder.firstTokenLayer(layers.at(-1)!, below)) };
}
