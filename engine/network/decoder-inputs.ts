/** What a decoder's graph is told about its sequences, as values. Axes: see `decoder.ts`. */
import { input, times, type Value } from '../graph/value.ts';
import type { DecoderConfig } from './decoder-config.ts';

/** A run's sequences. */
export interface DecoderInputs {
  /** Token ids, padded on the right, int64 `[N, L]`. */
  readonly ids: Value;
  /** Added to the logits of own tokens, float32 `[G·L, L]`. */
  readonly mask: Value;
  /** `N, L, -1, D`, int64 `[4]`. */
  readonly headShape: Value;
  /** `N, L, -1`, int64 `[3]`. */
  readonly rowShape: Value;
  /** Each token's row in the rotations, int64 `[N, L]`. */
  readonly places: Value;
  /** Cosines of the positions, float32 `[L, D/2]`. */
  readonly cos: Value;
  /** Their sines, float32 `[L, D/2]`. */
  readonly sin: Value;
}

/** What one layer leaves behind of each token. */
export interface LayerStates {
  /** Keys at their positions, float32 `[P, K, D]`. */
  readonly keys: Value;
  /** Values, float32 `[P, K, D]`. */
  readonly values: Value;
}

/** What earlier sequences left behind: inputs of a graph, or what another part of the same graph gives. */
export interface DecoderPast {
  /** By layer. */
  readonly layers: readonly LayerStates[];
  /** How many tokens these are, `P`, int64 `[1]`. */
  readonly tokens: Value;
  /** How many tokens a sequence sees, `P + L`, int64 `[1]`. */
  readonly allTokens: Value;
}

/** What a scoring layer reads. */
export interface SignalInputs {
  /** Places of the signal tokens among the rows, int64 `[S]`. */
  readonly signals: Value;
  /** Their rows in the rotations, int64 `[1, S]`. */
  readonly signalPlaces: Value;
  /** The scoring layer's keys of documents, float32 `[M, K, D]`. */
  readonly documentKeys: Value;
  /** `H, S, M`, int64 `[3]`. */
  readonly logitShape: Value;
}

/** What reads a span's attention. */
export interface SpanInputs {
  /** How much each of the sequence's tokens counts, float32 `[1, L]`. */
  readonly spanWeights: Value;
  /** `H, L, P`, int64 `[3]`. */
  readonly attentionShape: Value;
  /** `H, P`, int64 `[2]`. */
  readonly massShape: Value;
}

/**
 * Inputs that `toDecoderFeeds` feeds.
 *
 * @param prefix - Stands before the names of inputs and axes, so that one graph can hold several runs.
 * @defaultValue nothing
 */
export function decoderInputs(
  { heads, keyValueHeads, headSize: D }: DecoderConfig,
  prefix: string = '',
): DecoderInputs {
  const [N, L] = [`${prefix}N`, `${prefix}L`];
  return {
    ids: input(`${prefix}ids`, 'int64', [N, L]),
    mask: input(`${prefix}mask`, 'float32', [times(heads / keyValueHeads, L), L]),
    headShape: input(`${prefix}headShape`, 'int64', [4]),
    rowShape: input(`${prefix}rowShape`, 'int64', [3]),
    places: input(`${prefix}places`, 'int64', [N, L]),
    cos: input(`${prefix}cos`, 'float32', [L, D / 2]),
    sin: input(`${prefix}sin`, 'float32', [L, D / 2]),
  };
}

/** Names of what a layer leaves behind. */
export const keysOf = (layer: number): string => `keys_${layer}`;
/** See {@link keysOf}. */
export const valuesOf = (layer: number): string => `values_${layer}`;
/** Name of an input that takes what a graph gave by another name. */
export const pastOf = (output: string): string => `past_${output}`;

/** A past that is fed: the keys and values of the first layers. @param prefix - See {@link decoderInputs}. */
export function pastInputs(
  { keyValueHeads: K, headSize: D }: DecoderConfig,
  layers: number,
  prefix: string = '',
): DecoderPast {
  const states = (name: string): Value => input(`${prefix}${pastOf(name)}`, 'float32', [`${prefix}P`, K, D]);
  return {
    layers: Array.from({ length: layers }, (_, layer) => ({
      keys: states(keysOf(layer)),
      values: states(valuesOf(layer)),
    })),
    tokens: input(`${prefix}pastTokens`, 'int64', [1]),
    allTokens: input(`${prefix}allTokens`, 'int64', [1]),
  };
}

/** Inputs that `toSignalFeeds` feeds. @param prefix - See {@link decoderInputs}. */
export function signalInputs(
  { keyValueHeads: K, headSize: D }: DecoderConfig,
  prefix: string = '',
): SignalInputs {
  const [S, M] = [`${prefix}S`, `${prefix}M`];
  return {
    signals: input(`${prefix}signals`, 'int64', [S]),
    signalPlaces: input(`${prefix}signalPlaces`, 'int64', [1, S]),
    documentKeys: input(`${prefix}documentKeys`, 'float32', [M, K, D]),
    logitShape: input(`${prefix}logitShape`, 'int64', [3]),
  };
}

/** Inputs that `toSpanFeeds` feeds. @param prefix - See {@link decoderInputs}. */
export function spanInputs(prefix: string = ''): SpanInputs {
  return {
    spanWeights: input(`${prefix}spanWeights`, 'float32', [1, `${prefix}L`]),
    attentionShape: input(`${prefix}attentionShape`, 'int64', [3]),
    massShape: input(`${prefix}massShape`, 'int64', [2]),
  };
}
