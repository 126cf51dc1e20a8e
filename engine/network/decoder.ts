/**
 * What a decoder computes, as values: RMSNorm, rotary positions, grouped queries, SwiGLU.
 *
 * A run reads one or more sequences that share a past. Axes: `N` sequences, `L` tokens of the longest, `T = N·L`,
 * `W` width, `H` query heads, `K` key heads, `G = H / K`, `D` head size, `P` tokens of the past, `S` signal tokens,
 * `M` tokens of documents. Keys and values are token-major, `[tokens, K, D]`, so that sequences are appended by
 * appending their rows. A past is made of values: inputs of the graph, or what another run in the same graph leaves
 * behind.
 *
 * Source: Touvron et al., Llama (arXiv:2302.13971); names of the weights as in Hugging Face's checkpoints.
 */
import type { Value } from '../graph/value.ts';
import {
  keysOf,
  type LayerStates,
  type SignalInputs,
  type SpanInputs,
  signalInputs,
  spanInputs,
  valuesOf,
} from './decoder-inputs.ts';
import { DecoderLayers, type DecoderNetwork, type DecoderRun } from './decoder-layers.ts';

/** What sequences leave behind. */
export interface DecoderStates {
  /** Keys and values by layer, float32 `[T, K, D]`; padded tokens are among them. */
  readonly layers: readonly LayerStates[];
  /** Keys of the layer behind those, float32 `[T, K, D]`: the one thing that a scoring layer reads of a document. */
  readonly lastKeys?: Value;
}

/** What sequences leave behind in the layers below `layers`. @throws ModelFormatError when a weight is missing. */
export function decoderStates(
  network: DecoderNetwork,
  { layers, lastKeys, ...run }: DecoderRun & { readonly layers: number; readonly lastKeys: boolean },
): DecoderStates {
  const builder = new DecoderLayers(network, run);
  const states: LayerStates[] = [];
  let x = builder.embeddings();
  for (let layer = 0; layer < layers; layer += 1) {
    const own = builder.projections(layer, x);
    states.push({ keys: builder.tokenMajor(own.keys), values: builder.tokenMajor(own.values) });
    // What the last layer does with its values is read by nobody.
    if (layer + 1 < layers || lastKeys) x = builder.layer(layer, x, own);
  }
  if (!lastKeys) return { layers: states };
  return { layers: states, lastKeys: builder.tokenMajor(builder.keysOnly(layers, x)) };
}

/** States by the names that a graph gives them: `keys_i` and `values_i`, and with `lastKeys` one more `keys_i`. */
export function namedStates({ layers, lastKeys }: DecoderStates): Record<string, Value> {
  const named: Record<string, Value> = {};
  layers.forEach(({ keys, values }, layer) => {
    named[keysOf(layer)] = keys;
    named[valuesOf(layer)] = values;
  });
  if (lastKeys) named[keysOf(layers.length)] = lastKeys;
  return named;
}

/** Logits of a graph's tokens. */
export type DecoderLogits = {
  /** See the function that gives them. */
  readonly logits: Value;
};

/** Scaled logits of signal tokens over the documents' keys, before any softmax, float32 `[H, S, M]`. */
export function signalLogits(
  network: DecoderNetwork,
  {
    scoringLayer,
    signals = signalInputs(network.config),
    ...run
  }: DecoderRun & { readonly scoringLayer: number; readonly signals?: SignalInputs },
): DecoderLogits {
  const builder = new DecoderLayers(network, run);
  let x = builder.embeddings();
  for (let layer = 0; layer < scoringLayer; layer += 1) x = builder.layer(layer, x);
  return { logits: builder.signalLogits(scoringLayer, x, signals) };
}

/** Name of a layer's attention in what {@link spanAttention} gives. */
export const attentionOf = (layer: number): string => `attention_${layer}`;

/**
 * Attention that a span pays to its past: `attention_i` float32 `[H, P]` for layers `from` to `to - 1`, the weighted
 * sum over the sequence's tokens of their softmax over past and own tokens.
 */
export function spanAttention(
  network: DecoderNetwork,
  {
    layers: { from, to },
    span = spanInputs(),
    ...run
  }: DecoderRun & {
    readonly layers: { readonly from: number; readonly to: number };
    readonly span?: SpanInputs;
  },
): Record<string, Value> {
  const builder = new DecoderLayers(network, run);
  const outputs: Record<string, Value> = {};
  let x = builder.embeddings();
  for (let layer = 0; layer < to; layer += 1) {
    const own = builder.projections(layer, x);
    if (layer >= from) outputs[attentionOf(layer)] = builder.spanAttention(layer, own, span);
    if (layer + 1 < to) x = builder.layer(layer, x, own);
  }
  return outputs;
}

/** The vocabulary's logits after the signal tokens, float32 `[S, V]`. Every layer is computed. */
export function tokenLogits(
  network: DecoderNetwork,
  { signals = signalInputs(network.config).signals, ...run }: DecoderRun & { readonly signals?: Value } = {},
): DecoderLogits {
  const builder = new DecoderLayers(network, run);
  let x = builder.embeddings();
  for (let layer = 0; layer < network.config.layers; layer += 1) x = builder.layer(layer, x);
  return { logits: builder.tokenLogits(x, signals) };
}
