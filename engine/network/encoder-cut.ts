/**
 * An encoder's graph cut in two behind one of its layers: the first half leaves hidden states and an exit, a guess of
 * what the last layer's anchor will be; the second half takes the hidden states on. Both halves one after the other
 * compute what the whole graph computes.
 *
 * Axes: `B` blocks of a batch, `L` tokens of the longest, `T = B·L`, `W` width.
 */
import * as g from '../graph/operations/index.ts';
import { type Axis, constant, input, times, type Value } from '../graph/value.ts';
import {
  EncoderBuilder,
  type EncoderInputs,
  encoderInputs,
  encoderLayers,
  firstTokens,
  l2Normalise,
  type Precision,
} from './encoder.ts';
import type { EncoderConfig } from './encoder-config.ts';
import { appliedLayers } from './loops.ts';
import type { Parameters } from './parameters.ts';

/** From the hidden states behind a layer to a guess of the last layer's anchor. */
export interface ExitProjection {
  /** Of the mean of a block's tokens and of its first token, one behind the other; row-major, shape `[W, 2W]`. */
  readonly projection: Float32Array;
  /** Shape `[W]`. */
  readonly bias: Float32Array;
}

/** Where and how a graph is cut. */
export interface EncoderCut {
  /** Layers of the first half, at least 1 and fewer than are applied. */
  readonly afterLayer: number;
  /** How matrices are multiplied. */
  readonly precision: Precision;
}

/** What the first half gives. */
export type FirstHalf = {
  /** Hidden states, float32 `[T, W]`. */
  readonly hidden: Value;
  /** The exits, L2-normalised, float32 `[B, W]`. */
  readonly exits: Value;
};

/** The layers below the cut, and the exit. Fed by `toEncoderFeeds`. */
export function firstHalf(
  config: EncoderConfig,
  parameters: Parameters,
  { afterLayer, precision, exit }: EncoderCut & { readonly exit: ExitProjection },
): FirstHalf {
  const inputs = encoderInputs();
  const builder = new EncoderBuilder(config, { parameters, precision, inputs });
  let hidden = builder.embeddings();
  for (const layer of appliedLayers(config).slice(0, afterLayer)) hidden = builder.layer(layer, hidden);
  return { hidden, exits: exitOf(pooled(hidden, inputs, config), exit) };
}

/** The layers above the cut. Fed by `toEncoderFeeds`, and by the hidden states as `hidden`. */
export function secondHalf(
  config: EncoderConfig,
  parameters: Parameters,
  { afterLayer, precision }: EncoderCut,
): { readonly states: Value } {
  const inputs = encoderInputs();
  const builder = new EncoderBuilder(config, { parameters, precision, inputs });
  const [B, L] = inputs.ids.shape as readonly [Axis, Axis];
  let hidden = input('hidden', 'float32', [times(B, L), config.width]);
  for (const layer of appliedLayers(config).slice(afterLayer)) hidden = builder.layer(layer, hidden);
  return { states: l2Normalise(hidden) };
}

/** What an exit is fitted to: the anchors, float32 `[B, W]`, and what exits read behind some layers, as `exit4` for the fourth. */
export function exitSamples(
  config: EncoderConfig,
  parameters: Parameters,
  { afterLayers, precision }: { readonly afterLayers: readonly number[]; readonly precision: Precision },
): Readonly<Record<string, Value>> {
  const inputs = encoderInputs();
  const layers = encoderLayers(config, parameters, { precision, inputs });
  const read = afterLayers.map((layer) => [`exit${layer}`, pooled(layers[layer]!, inputs, config)] as const);
  return { anchors: l2Normalise(firstTokens(layers.at(-1)!, inputs, config)), ...Object.fromEntries(read) };
}

/** What an exit reads of each block: the mean of its tokens and its first token, float32 `[B, 2W]`. */
function pooled(hidden: Value, inputs: EncoderInputs, config: EncoderConfig): Value {
  const { width: W, heads: H } = config;
  const [B, L] = inputs.ids.shape as readonly [Axis, Axis];
  const perHead = g.transpose(g.reshapeTo(hidden, [B, L, H, W / H], inputs.headShape), [0, 2, 1, 3]);
  // The softmax of the mask weighs every token of a block alike, and padding not at all.
  const means = g.reshape(g.matmul(g.softmax(inputs.mask), perHead), [B, W], [-1, W]);
  return g.concat([means, firstTokens(hidden, inputs, config)], 1);
}

function exitOf(features: Value, { projection, bias }: ExitProjection): Value {
  const [, columns] = features.shape as readonly [Axis, number];
  const matrix = constant(projection, [bias.length, columns]);
  return l2Normalise(g.linear(features, matrix, constant(bias, [bias.length])));
}
