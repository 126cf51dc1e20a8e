/** Decoders of published shapes, and a small one. */
import { type DecoderConfig, parseDecoderConfig } from '../../engine/network/decoder-config.ts';

const common = { hidden_act: 'silu', rms_norm_eps: 1e-5, num_hidden_layers: 1 };

/** Shape values of the published SmolLM2-135M. */
export const smolShape: DecoderConfig = parseDecoderConfig(
  {
    ...common,
    model_type: 'llama',
    hidden_size: 576,
    num_hidden_layers: 30,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    intermediate_size: 1536,
    vocab_size: 49_152,
    max_position_embeddings: 8192,
    rope_theta: 1e5,
    tie_word_embeddings: true,
  },
  'SmolLM2-135M',
);

/** Shape values of the published Mistral-7B-Instruct-v0.3. */
export const mistralShape: DecoderConfig = parseDecoderConfig(
  {
    ...common,
    model_type: 'mistral',
    hidden_size: 4096,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    intermediate_size: 14_336,
    vocab_size: 32_768,
    max_position_embeddings: 32_768,
    rope_theta: 1e6,
    tie_word_embeddings: false,
  },
  'Mistral-7B-Instruct-v0.3',
);

/** Two layers that any machine computes in no time: to see that a bench runs, not how fast. */
const smallShape: DecoderConfig = parseDecoderConfig(
  {
    ...common,
    model_type: 'mistral',
    hidden_size: 128,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    intermediate_size: 256,
    vocab_size: 1024,
    max_position_embeddings: 8192,
    rope_theta: 1e6,
    tie_word_embeddings: false,
  },
  'small',
);

/** A shape, and the layer that is read. */
export interface DecoderShape {
  /** The network. */
  readonly config: DecoderConfig;
  /** Layers below the one whose attention is read: the published share, 20 of 32. */
  readonly scoringLayer: number;
}

/** A name of {@link decoderShapes}. */
export type ShapeName = 'mistral' | 'smol' | 'small';

/** Shapes by name. */
export const decoderShapes: Readonly<Record<ShapeName, DecoderShape>> = {
  mistral: { config: mistralShape, scoringLayer: 20 },
  smol: { config: smolShape, scoringLayer: 20 },
  small: { config: smallShape, scoringLayer: 1 },
};

/** A network of fewer layers, otherwise the same. */
export const withLayers = (config: DecoderConfig, layers: number): DecoderConfig => ({ ...config, layers });
