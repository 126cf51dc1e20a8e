/**
 * Gated cross attention: the blocks of documents see the query block, in the layers that have gates.
 *
 * Each head of a gated layer gives `context = self attention + gate · cross attention`, where cross attention reads the keys and
 * values that the query block has in the same layer. A gate is a plain factor and begins at 0: the network is then the one
 * without gates, exactly.
 *
 * Axes: `B` blocks of documents, `L` tokens of the longest, `H` heads, `D` values a head, `Q` tokens of the query block.
 *
 * Source: Alayrac et al., Flamingo (arXiv:2204.14198), equation of the gated layers, with a factor a head in place of the tanh of
 * one a layer.
 */
import * as g from '../graph/operations/index.ts';
import { input, type Value } from '../graph/value.ts';
import type { EncoderConfig } from './encoder-config.ts';

/** Keys and values of a query block in one layer, in any precision. */
export interface KeyValues {
  /** `[1, H, D, Q]`. */
  readonly keys: Value;
  /** `[1, H, Q, D]`. */
  readonly values: Value;
}

/** What documents see of the query in one layer. */
export interface SeenQuery extends KeyValues {
  /** How much of it each head adds, any finite numbers, `[H]`. */
  readonly gates: Value;
}

/** By number of the layer, 0 first; a layer without an entry sees nothing. */
export type SeenLayers = ReadonlyMap<number, SeenQuery>;

/**
 * What a gated layer adds to the context of its heads, `[B, H, L, D]`.
 *
 * @param queries - What the documents' tokens ask with, scaled by `1 / √D`, `[B, H, L, D]`. The query block has no padding.
 */
export function crossContext(queries: Value, { keys, values, gates }: SeenQuery): Value {
  const { type } = queries;
  const logits = g.matmul(queries, g.cast(keys, type));
  const attention = g.cast(g.softmax(g.cast(logits, 'float32')), type);
  const context = g.matmul(attention, g.cast(values, type));
  const heads = gates.shape[0]!;
  return g.multiply(context, g.cast(g.reshape(gates, [heads, 1, 1], [-1, 1, 1]), type));
}

const gatePattern = /^encoder\.layer\.(\d+)\.attention\.cross\.gates$/;

/** Name of a layer's gates among the weights. */
export const gatesName = (layer: number): string => `encoder.layer.${layer}.attention.cross.gates`;

/** The layer whose gates have this name; undefined for any other name. */
export function layerOfGates(name: string): number | undefined {
  const layer = gatePattern.exec(name)?.[1];
  return layer === undefined ? undefined : Number(layer);
}

/** Names of a layer's keys and values of the query block, where documents see them: inputs of a graph. */
export const keyValueNames = (layer: number): { readonly keys: string; readonly values: string } => ({
  keys: `query.keys.${layer}`,
  values: `query.values.${layer}`,
});

/** Names of a layer's own keys and values, where a query block gives them: outputs of a graph. */
export const ownKeyValueNames = (layer: number): { readonly keys: string; readonly values: string } => ({
  keys: `keys.${layer}`,
  values: `values.${layer}`,
});

/**
 * What documents see as inputs of a graph, float32: by {@link gatesName} the gates of a layer, and by {@link keyValueNames} the
 * keys and values of the query block in it.
 */
export function seenInputs({ width, heads }: EncoderConfig, gatedLayers: readonly number[]): SeenLayers {
  const D = width / heads;
  return new Map(
    gatedLayers.map((layer) => {
      const names = keyValueNames(layer);
      const seen = {
        gates: input(gatesName(layer), 'float32', [heads]),
        keys: input(names.keys, 'float32', [1, heads, D, 'query.L']),
        values: input(names.values, 'float32', [1, heads, 'query.L', D]),
      };
      return [layer, seen];
    }),
  );
}
