/**
 * A decoder that takes a whole list in one run: instruction, documents and query blocks go through the layers together,
 * their tokens packed in one matrix, so that linear layers know no padding; only attention goes block by block. Keys and
 * values live no longer than their layer, and nothing but ids, places and the result leaves or enters the device.
 *
 * Axes: `T` tokens of all blocks, `I` of the instruction, `M` of the documents, `P = I + M`, `N` sequences of a bucket,
 * `L` tokens of its longest, `W` width, `H` query heads, `K` key heads, `G = H / K`, `D` head size, `S` signal tokens,
 * `R` positions that occur. Documents stand in the order of a `PackedLayout`.
 */
import * as g from '../../graph/operations/index.ts';
import { times, type Value } from '../../graph/value.ts';
import type { DecoderNetwork } from '../decoder-layers.ts';
import { PackedAttention } from './packed-attention.ts';
import type { PackedForm } from './packed-form.ts';
import { completionInput, named, queryOf, signalsInput, tokenInputs, weightsInput } from './packed-inputs.ts';
import { PackedLayers, type Stream } from './packed-layers.ts';

/** Name of the result of {@link packedSignalLogits}. */
export const logitsName = 'logits';

/**
 * Scaled logits of signal tokens over the documents' keys, before any softmax: `logits`, float32 `[K, G·S, M]`, which is
 * `[H, S, M]` row by row. The scoring layer's own products are float32 whatever the others are: rounded to half
 * precision, a logit of 10 would be .004 off.
 *
 * @throws ModelFormatError when a weight is missing.
 */
export function packedSignalLogits(
  network: DecoderNetwork,
  { scoringLayer, form }: { readonly scoringLayer: number; readonly form: PackedForm },
): Record<typeof logitsName, Value> {
  return { logits: packedRankingLogits(network, { scoringLayer, form }).logits };
}

/**
 * What a loss of the order alone reads: the layers up to the scoring layer, and no other weight.
 *
 * @throws ModelFormatError when a weight is missing.
 */
export function packedRankingLogits(
  network: DecoderNetwork,
  { scoringLayer, form }: { readonly scoringLayer: number; readonly form: PackedForm },
): Omit<TrainingLogits, 'tokenLogits'> {
  const { layers, attention } = partsOf(network, form);
  const between: Value[] = [];
  let stream = layers.embeddings();
  for (let layer = 0; layer < scoringLayer; layer += 1) {
    between.push(stream.sum);
    const { context } = attention.attend(layers.headRows(layer, stream), false);
    stream = layers.next(layer, stream, context);
  }
  return { logits: logitsOf(network, layers, scoringLayer, stream), between };
}

/** What {@link packedTrainingLogits} gives. */
export interface TrainingLogits {
  /** As {@link packedSignalLogits} gives them. */
  readonly logits: Value;
  /** The vocabulary's logits after the completion's tokens, float32 `[C, V]`. */
  readonly tokenLogits: Value;
  /** What goes into each layer, `[T, W]`: where a backward pass may begin to compute the forward pass again. */
  readonly between: readonly Value[];
}

/**
 * What BlockRank's losses read, in one pass through every layer: the scoring layer's signals, and what comes next.
 *
 * @throws ModelFormatError when a weight is missing.
 */
export function packedTrainingLogits(
  network: DecoderNetwork,
  { scoringLayer, form }: { readonly scoringLayer: number; readonly form: PackedForm },
): TrainingLogits {
  const { layers, attention } = partsOf(network, form);
  const between: Value[] = [];
  let logits: Value | undefined;
  let stream = layers.embeddings();
  for (let layer = 0; layer < network.config.layers; layer += 1) {
    between.push(stream.sum);
    if (layer === scoringLayer) logits = logitsOf(network, layers, layer, stream);
    const { context } = attention.attend(layers.headRows(layer, stream), false);
    stream = layers.next(layer, stream, context);
  }
  if (!logits) {
    throw new RangeError(
      `packedTrainingLogits: expected a layer below ${network.config.layers}, got ${scoringLayer}.`,
    );
  }
  return { logits, tokenLogits: layers.tokenLogits(stream, completionInput()), between };
}

function logitsOf(network: DecoderNetwork, layers: PackedLayers, layer: number, stream: Stream): Value {
  const { keyValueHeads: K, heads: H, headSize: D } = network.config;
  const keys = g.reshape(layers.documentKeys(layer, stream), ['M', K, D], [-1, K, D]);
  const asked = g.reshape(layers.queriesOf(layer, stream, signalsInput()), ['S', H, D], [-1, H, D]);
  const grouped = g.reshape(g.transpose(asked, [1, 0, 2]), [K, times(H / K, 'S'), D], [K, -1, D]);
  return g.matmul(grouped, g.transpose(keys, [1, 2, 0]));
}

/** Name of a query block's attention in a layer. */
export const packedAttentionOf = (layer: number, query: number): string => `attention_${layer}_${query}`;

/**
 * Attention that each query block pays to instruction and documents: `attention_i_q` float32 `[1, K, G, P]`, which is
 * `[H, P]` row by row, for layers `from` to `to - 1`: the weighted sum over the block's tokens of their softmax.
 *
 * @throws ModelFormatError when a weight is missing.
 */
export function packedSpanAttention(
  network: DecoderNetwork,
  {
    layers: { from, to },
    form,
  }: { readonly layers: { readonly from: number; readonly to: number }; readonly form: PackedForm },
): Record<string, Value> {
  const { keyValueHeads, heads } = network.config;
  const { layers, attention } = partsOf(network, form);
  const outputs: Record<string, Value> = {};
  let stream: Stream = layers.embeddings();
  for (let layer = 0; layer < to; layer += 1) {
    // By products in every layer, read or not: what a layer gives does not depend on which others are read.
    const attended = attention.attend(layers.headRows(layer, stream), true);
    for (const [query, paid] of (layer < from ? [] : attended.attention).entries()) {
      const block = queryOf(query);
      const weights = weightsInput(block, heads / keyValueHeads, named(block, 'L'));
      outputs[packedAttentionOf(layer, query)] = g.matmul(weights, paid);
    }
    if (layer + 1 < to) stream = layers.next(layer, stream, attended.context);
  }
  return outputs;
}

function partsOf(
  network: DecoderNetwork,
  form: PackedForm,
): { readonly layers: PackedLayers; readonly attention: PackedAttention } {
  const tokens = tokenInputs(network.config.headSize);
  const type = network.computeType ?? 'float32';
  return {
    layers: new PackedLayers(network, tokens),
    attention: new PackedAttention(network.config, { type, form, tokens }),
  };
}
