/**
 * A looped encoder in three graphs, so that the number of loops is chosen when they run: what comes before the loop, the looped
 * block, and what comes behind it. Axes: see `encoder.ts`.
 */
import { input, times, type Value } from '../graph/value.ts';
import { type EncoderGraphOptions, type EncoderOutputs, l2Normalise } from './encoder.ts';
import { EncoderBuilder } from './encoder-builder.ts';
import type { EncoderConfig } from './encoder-config.ts';
import { encoderInputs, firstTokens } from './encoder-inputs.ts';
import { type LoopBlocks, layersOfBlocks } from './loops.ts';
import type { Parameters } from './parameters.ts';

/** Name of the hidden states that a graph reads. */
export const hiddenName = 'hidden';
/** Name of the hidden states that a graph gives. */
export const nextName = 'next';

/** Graphs that are run one after the other; each reads the encoder's inputs and what the one before it gave. */
export interface LoopedGraphs {
  /** Embeddings and the layers before the loop. */
  readonly prefix: { readonly [nextName]: Value };
  /** The looped block: what it gives is what it reads next. */
  readonly loop: { readonly [nextName]: Value };
  /** The layers behind the loop, and what the encoder gives. */
  readonly suffix: EncoderOutputs;
}

/**
 * The graphs of an encoder whose layers loop. Running `prefix`, `n` times `loop`, and `suffix` computes what `encoderGraph`
 * computes at `loops: n`; hidden states are float32 `[T, W]` between them.
 *
 * @param parameters - As of `encoderGraph`.
 * @throws RangeError when the encoder has no blocks.
 */
export function loopedGraphs(
  config: EncoderConfig,
  parameters: Parameters,
  { precision, normalise = true, inputs = encoderInputs() }: EncoderGraphOptions,
): LoopedGraphs {
  const layers = layersOfBlocks(blocksOf(config));
  // Each graph has a builder of its own: none may read another's values.
  const through = (block: keyof LoopBlocks, start: (builder: EncoderBuilder) => Value): Value => {
    const builder = new EncoderBuilder(config, { parameters, precision, inputs });
    return layers[block].reduce((x, layer) => builder.layer(layer, x), start(builder));
  };
  const [B, L] = inputs.ids.shape as readonly [string, string];
  const hidden = input(hiddenName, 'float32', [times(B, L), config.width]);
  const states = through('suffix', () => hidden);
  const anchors = firstTokens(states, inputs, config);
  return {
    prefix: { [nextName]: through('prefix', (builder) => builder.embeddings()) },
    loop: { [nextName]: through('loop', () => hidden) },
    suffix: normalise ? { states: l2Normalise(states), anchors: l2Normalise(anchors) } : { states, anchors },
  };
}

function blocksOf({ blocks }: EncoderConfig): LoopBlocks {
  if (!blocks) throw new RangeError('loopedGraphs: expected an encoder whose layers loop, got no blocks.');
  return blocks;
}
