/**
 * An encoder of the `in-context` profile: the query block is read on its own, once a request, and the blocks of documents see
 * its keys and values in the gated layers.
 *
 * Axes: `Q` tokens of the query block (`query.L` in graphs), `B` blocks of documents, `L` tokens of the longest, `T = B·L`,
 * `W` width.
 */
import * as g from '../graph/operations/index.ts';
import type { TensorValue } from '../graph/tensor.ts';
import { input, type Value } from '../graph/value.ts';
import {
  gatesName,
  type KeyValues,
  keyValueInputs,
  keyValueNames,
  type SeenQuery,
} from './cross-attention.ts';
import {
  type EncoderInputs,
  encoderGraph,
  encoderLayers,
  encoderWithKeyValues,
  l2Normalise,
  type Precision,
  toEncoderFeeds,
} from './encoder.ts';
import type { EncoderConfig } from './encoder-config.ts';
import type { Parameters } from './parameters.ts';

/** How a graph of the profile is made. */
export interface InContextGraphOptions {
  /** How matrices are multiplied, as of an encoder without gates. */
  readonly precision: Precision;
  /** Layers in which documents see the query; of each the parameter {@link gatesName} holds a factor a head, `[heads]`. */
  readonly gatedLayers: readonly number[];
}

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

/** Feeds of the query block. @param ids - Its token ids. */
export function toQueryFeeds(ids: Int32Array, config: EncoderConfig): Record<string, TensorValue> {
  const feeds = toEncoderFeeds([ids], config, 0);
  return Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [`${prefix}${name}`, feed]));
}

/**
 * Hidden states of the query block and of documents in one graph, which differentiates through both: below the first layer and
 * above each, float32 `[Q, W]` and `[T, W]`. None is normalised.
 */
export function inContextLayers(
  config: EncoderConfig,
  parameters: Parameters,
  { precision, gatedLayers }: InContextGraphOptions,
): { readonly query: readonly Value[]; readonly documents: readonly Value[] } {
  const query = encoderWithKeyValues(config, parameters, { precision, inputs: queryInputs() });
  const seen = seenLayers(config, parameters, gatedLayers, (layer) => query.keyValues[layer]!);
  return { query: query.layers, documents: encoderLayers(config, parameters, { precision, seen }) };
}

/**
 * What a request reads of its query block: `states`, L2-normalised `[Q, W]`, and by {@link keyValueNames} the keys and values of
 * the gated layers; all float32.
 */
export function queryBlockGraph(
  config: EncoderConfig,
  parameters: Parameters,
  { precision, gatedLayers }: InContextGraphOptions,
): Record<string, Value> {
  const { layers, keyValues } = encoderWithKeyValues(config, parameters, {
    precision,
    inputs: queryInputs(),
  });
  const outputs: Record<string, Value> = { states: l2Normalise(layers.at(-1)!) };
  for (const layer of gatedLayers) {
    const names = keyValueNames(layer);
    outputs[names.keys] = g.cast(keyValues[layer]!.keys, 'float32');
    outputs[names.values] = g.cast(keyValues[layer]!.values, 'float32');
  }
  return outputs;
}

/** Every token's vector of a batch of documents, L2-normalised, `[T, W]`; fed what {@link queryBlockGraph} gave besides. */
export function documentsGraph(
  config: EncoderConfig,
  parameters: Parameters,
  { precision, gatedLayers }: InContextGraphOptions,
): Value {
  const seen = seenLayers(config, parameters, gatedLayers, (layer) => keyValueInputs(config, layer));
  return encoderGraph(config, parameters, { precision, seen }).states;
}

function seenLayers(
  { heads }: EncoderConfig,
  parameters: Parameters,
  gatedLayers: readonly number[],
  keyValuesOf: (layer: number) => KeyValues,
): ReadonlyMap<number, SeenQuery> {
  return new Map(
    gatedLayers.map((layer) => [
      layer,
      { ...keyValuesOf(layer), gates: parameters(gatesName(layer), [heads]) },
    ]),
  );
}
