/**
 * An encoder of the `in-context` profile: the query block is read on its own, once a request, and the blocks of documents see
 * its keys and values in the gated layers.
 *
 * Axes: `Q` tokens of the query block (`query.L` in graphs), `B` blocks of documents, `L` tokens of the longest, `T = B·L`,
 * `W` width.
 */
import { cast } from '../graph/operations/index.ts';
import type { TensorValue } from '../graph/tensor.ts';
import { input, type Value } from '../graph/value.ts';
import { gatesName, ownKeyValueNames, seenInputs } from './cross-attention.ts';
import { encoderLayers, encoderWithin, l2Normalise } from './encoder.ts';
import type { Precision } from './encoder-builder.ts';
import type { EncoderConfig } from './encoder-config.ts';
import { type EncoderInputs, prefixedFeeds, toEncoderFeeds } from './encoder-inputs.ts';
import type { Parameters } from './parameters.ts';

const prefix = 'query.';

/** The query block's inputs; it is alone, so that nothing of it is padding. */
function queryInputs(): EncoderInputs {
  const L = `${prefix}L`;
  return {
    ids: input(`${prefix}ids`, 'int64', [1, L]),
    positions: input(`${prefix}positions`, 'int64', [L]),
    mask: input(`${prefix}mask`, 'float32', [1, 1, 1, L]),
    headShape: input(`${prefix}headShape`, 'int64', [4]),
  };
}

/** Feeds of the query block of {@link inContextLayers}. @param ids - Its token ids. */
export function toQueryFeeds(ids: Int32Array, config: EncoderConfig): Record<string, TensorValue> {
  return prefixedFeeds(prefix, toEncoderFeeds([ids], config, 0));
}

/** Tokens of the query block. @param feeds - With those of {@link toQueryFeeds}. */
export function queryTokens(feeds: Readonly<Record<string, TensorValue>>): number {
  return feeds[`${prefix}ids`]!.data.length;
}

/**
 * Hidden states of the query block and of documents in one graph, which differentiates through both: below the first layer and
 * above each, float32 `[Q, W]` and `[T, W]`. None is normalised.
 *
 * @param parameters - With the gates of each gated layer, `[heads]`, by {@link gatesName}.
 * @param gatedLayers - Layers in which documents see the query.
 */
export function inContextLayers(
  config: EncoderConfig,
  parameters: Parameters,
  gatedLayers: readonly number[],
): { readonly query: readonly Value[]; readonly documents: readonly Value[] } {
  const precision = 'fp32';
  const query = encoderWithin(config, parameters, { precision, inputs: queryInputs() });
  const seen = new Map(
    gatedLayers.map((layer) => [
      layer,
      { ...query.keyValues[layer]!, gates: parameters(gatesName(layer), [config.heads]) },
    ]),
  );
  return { query: query.layers, documents: encoderLayers(config, parameters, { precision, seen }) };
}

/**
 * The one graph that a request runs on a processor: for its query block with gates of 0 and anything to see, then for batches of
 * its documents. Besides its blocks it is fed what `seenInputs` names.
 *
 * @returns `states`, L2-normalised, `[T, W]`, and by {@link ownKeyValueNames} the keys and values of the gated layers; all float32.
 */
export function inContextGraph(
  config: EncoderConfig,
  parameters: Parameters,
  { precision, gatedLayers }: { readonly precision: Precision; readonly gatedLayers: readonly number[] },
): Record<string, Value> {
  const seen = seenInputs(config, gatedLayers);
  const { layers, keyValues } = encoderWithin(config, parameters, { precision, seen });
  const outputs: Record<string, Value> = { states: l2Normalise(layers.at(-1)!) };
  for (const layer of gatedLayers) {
    const names = ownKeyValueNames(layer);
    outputs[names.keys] = cast(keyValues[layer]!.keys, 'float32');
    outputs[names.values] = cast(keyValues[layer]!.values, 'float32');
  }
  return outputs;
}
