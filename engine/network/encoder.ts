/**
 * What a BERT-like encoder computes, as a graph.
 *
 * Axes: `B` blocks of a batch, `L` tokens of the longest, `T = B·L`, `W` width, `H` heads, `D = W / H`.
 */
import * as g from '../graph/operations/index.ts';
import { scalar, type Value } from '../graph/value.ts';
import type { KeyValues } from './cross-attention.ts';
import { EncoderBuilder, type LayerOptions, type LayerPart } from './encoder-builder.ts';
import type { EncoderConfig } from './encoder-config.ts';
import { type EncoderInputs, encoderInputs, firstTokens } from './encoder-inputs.ts';
import type { Parameters } from './parameters.ts';

/** What one encoder graph gives. */
export interface EncoderGraphOptions extends LayerOptions {
  /** L2-normalise each token's vector. @defaultValue true */
  readonly normalise?: boolean;
  /** The blocks. @defaultValue {@link encoderInputs} */
  readonly inputs?: EncoderInputs;
}

/** What an encoder gives. */
export type EncoderOutputs = {
  /** Last hidden states, float32 `[T, W]`. */
  readonly states: Value;
  /** Those of each block's first token, float32 `[B, W]`. */
  readonly anchors: Value;
};

/**
 * The vectors of every token.
 *
 * @param parameters - Weights. With `int8`, a linear layer's matrix is int8 `[in, out]`, and the parameter `scaleName(matrix)`
 *   holds one scale an output.
 */
export function encoderGraph(
  config: EncoderConfig,
  parameters: Parameters,
  { normalise = true, inputs = encoderInputs(), ...options }: EncoderGraphOptions,
): EncoderOutputs {
  const states = encoderLayers(config, parameters, { ...options, inputs }).at(-1)!;
  const anchors = firstTokens(states, inputs, config);
  return normalise ? { states: l2Normalise(states), anchors: l2Normalise(anchors) } : { states, anchors };
}

/**
 * Hidden states below the first layer and above each, float32 `[T, W]`: one more than there are applied layers, of which a
 * looped block gives several. None is normalised.
 *
 * @param parameters - As of {@link encoderGraph}.
 */
export function encoderLayers(
  config: EncoderConfig,
  parameters: Parameters,
  options: Omit<EncoderGraphOptions, 'normalise'>,
): readonly Value[] {
  return encoderWithin(config, parameters, options).layers;
}

/**
 * As {@link encoderLayers}, with what lies within every applied layer, in their order: keys `[B, H, D, L]` and values
 * `[B, H, L, D]`, which are what documents see of a query block, and two parts a layer.
 *
 * @param parameters - As of {@link encoderGraph}.
 */
export function encoderWithin(
  config: EncoderConfig,
  parameters: Parameters,
  { precision, inputs = encoderInputs(), seen, residual }: Omit<EncoderGraphOptions, 'normalise'>,
): {
  readonly layers: readonly Value[];
  readonly keyValues: readonly KeyValues[];
  readonly parts: readonly LayerPart[];
} {
  const builder = new EncoderBuilder(config, { parameters, precision, inputs, seen, residual });
  return { layers: builder.layers(), keyValues: builder.keyValues, parts: builder.parts };
}

/** Rows of length 1, float32 `[rows, W]`; a zero row stays zero. */
export function l2Normalise(rows: Value): Value {
  const length = g.squareRoot(g.sumLast(g.multiply(rows, rows)));
  return g.divide(rows, g.maximum(length, scalar(1e-12)));
}
