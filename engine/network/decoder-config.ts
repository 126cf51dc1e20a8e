/** What a decoder's `config.json` says, for the families that this build computes. */
import * as z from 'zod';
import { ModelFormatError } from '../errors.ts';
import type { RopeParameters, RopeScaling } from './rope.ts';

/** A decoder's shape. */
export interface DecoderConfig {
  /** Hugging Face's `model_type`. */
  readonly architecture: 'llama' | 'mistral' | 'qwen2' | 'qwen3';
  /** Values a vector, `W`. */
  readonly width: number;
  /** Layers. */
  readonly layers: number;
  /** Query heads, `H`. */
  readonly heads: number;
  /** Key and value heads, `K`; each serves `H / K` query heads. */
  readonly keyValueHeads: number;
  /** Values a head, `D`; `H·D` need not be `W`. */
  readonly headSize: number;
  /** Inner width of the feed-forward part, `F`. */
  readonly innerWidth: number;
  /** Tokens of the vocabulary. */
  readonly vocabulary: number;
  /** Added to the mean square when normalising. */
  readonly epsilon: number;
  /** Which of the linear layers add a bias. */
  readonly bias: { readonly queryKeyValue: boolean; readonly output: boolean; readonly feedForward: boolean };
  /** Whether each head's query and key are normalised before they turn. */
  readonly queryKeyNorm: boolean;
  /** Whether the output reads the embedding table. */
  readonly tiedEmbeddings: boolean;
  /** Rotary position embedding. */
  readonly rope: RopeParameters;
  /** Positions the network was made for. */
  readonly positions: number;
  /** The first layer whose attention reaches back only so many positions; absent when every layer reaches all. */
  readonly window?: { readonly positions: number; readonly fromLayer: number };
  /** Ids that end an answer. */
  readonly endIds: readonly number[];
}

const count = z.int().min(1);
const ropeSchema = z
  .looseObject({
    rope_type: z.string().optional(),
    type: z.string().optional(),
    rope_theta: z.number().positive().optional(),
    factor: z.number().positive().optional(),
    low_freq_factor: z.number().positive().optional(),
    high_freq_factor: z.number().positive().optional(),
    original_max_position_embeddings: count.optional(),
    beta_fast: z.number().positive().nullish(),
    beta_slow: z.number().positive().nullish(),
    attention_factor: z.number().positive().nullish(),
  })
  .nullish();
const configSchema = z.looseObject({
  model_type: z.enum(['llama', 'mistral', 'qwen2', 'qwen3']),
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.nullish(),
  head_dim: count.nullish(),
  intermediate_size: count,
  vocab_size: count,
  max_position_embeddings: count,
  rms_norm_eps: z.number().positive(),
  hidden_act: z.literal('silu'),
  tie_word_embeddings: z.boolean().optional(),
  attention_bias: z.boolean().optional(),
  mlp_bias: z.boolean().optional(),
  rope_theta: z.number().positive().optional(),
  rope_scaling: ropeSchema,
  rope_parameters: ropeSchema,
  sliding_window: count.nullish(),
  use_sliding_window: z.boolean().optional(),
  max_window_layers: z.int().min(0).nullish(),
  layer_types: z.array(z.string()).nullish(),
  eos_token_id: z.union([z.int(), z.array(z.int())]).nullish(),
});
type ConfigJson = z.infer<typeof configSchema>;

/** Whether a `config.json` is one of a decoder that this build computes. */
export function isDecoderConfig(json: unknown): boolean {
  const type = (json as { model_type?: unknown } | null)?.model_type;
  return configSchema.shape.model_type.safeParse(type).success;
}

/**
 * Reads a `config.json`.
 *
 * @throws ModelFormatError naming every value that this network cannot be.
 */
export function parseDecoderConfig(json: unknown, path: string): DecoderConfig {
  const parsed = configSchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`);
    throw new ModelFormatError({
      path,
      expected: 'a Llama, Mistral, Qwen2 or Qwen3 configuration',
      found: problems.join('; '),
    });
  }
  const config = parsed.data;
  const shape = toShape(config);
  assertHeads(shape, path);
  const window = toWindow(config);
  const ends = config.eos_token_id ?? [];
  return {
    ...shape,
    architecture: config.model_type,
    vocabulary: config.vocab_size,
    epsilon: config.rms_norm_eps,
    bias: toBias(config),
    queryKeyNorm: config.model_type === 'qwen3',
    tiedEmbeddings: config.tie_word_embeddings ?? false,
    rope: toRope(config, path),
    positions: config.max_position_embeddings,
    ...(window ? { window } : {}),
    endIds: Array.isArray(ends) ? ends : [ends],
  };
}

type Shape = Pick<DecoderConfig, 'width' | 'layers' | 'heads' | 'keyValueHeads' | 'headSize' | 'innerWidth'>;

function toShape(config: ConfigJson): Shape {
  return {
    width: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    keyValueHeads: config.num_key_value_heads ?? config.num_attention_heads,
    headSize: config.head_dim ?? config.hidden_size / config.num_attention_heads,
    innerWidth: config.intermediate_size,
  };
}

function assertHeads({ heads, keyValueHeads, headSize }: Shape, path: string): void {
  if (heads % keyValueHeads === 0 && Number.isInteger(headSize / 2)) return;
  throw new ModelFormatError({
    path,
    expected: 'query heads that the key heads divide, and heads of an even size',
    found: `${heads} query heads, ${keyValueHeads} key heads of ${headSize} values`,
  });
}

/** Qwen2 has biases that its configuration does not name. */
function toBias(config: ConfigJson): DecoderConfig['bias'] {
  const attention = config.attention_bias ?? false;
  return {
    queryKeyValue: config.model_type === 'qwen2' || attention,
    output: config.model_type !== 'qwen2' && attention,
    feedForward: config.mlp_bias ?? false,
  };
}

function toWindow(config: ConfigJson): DecoderConfig['window'] {
  if (!config.sliding_window) return undefined;
  if (config.layer_types) {
    const fromLayer = config.layer_types.indexOf('sliding_attention');
    return fromLayer === -1 ? undefined : { positions: config.sliding_window, fromLayer };
  }
  if (config.model_type === 'mistral') return { positions: config.sliding_window, fromLayer: 0 };
  if (!config.use_sliding_window) return undefined;
  return { positions: config.sliding_window, fromLayer: config.max_window_layers ?? 0 };
}

function toRope(config: ConfigJson, path: string): RopeParameters {
  const said = config.rope_parameters ?? config.rope_scaling ?? {};
  const theta = said.rope_theta ?? config.rope_theta ?? 10_000;
  return { theta, scaling: toScaling(said, config, path), pairs: 'halves' };
}

function toScaling(
  said: NonNullable<z.infer<typeof ropeSchema>>,
  config: ConfigJson,
  path: string,
): RopeScaling {
  const type = said.rope_type ?? said.type ?? 'default';
  const { factor } = said;
  const originalPositions = said.original_max_position_embeddings ?? config.max_position_embeddings;
  const { low_freq_factor: lowFrequencyFactor, high_freq_factor: highFrequencyFactor } = said;
  if (type === 'default') return { type: 'none' };
  if (type === 'linear' && factor) return { type, factor };
  if (type === 'llama3' && factor && lowFrequencyFactor && highFrequencyFactor) {
    return { type, factor, lowFrequencyFactor, highFrequencyFactor, originalPositions };
  }
  if (type === 'yarn' && factor) {
    return {
      type,
      factor,
      originalPositions,
      betaFast: said.beta_fast ?? 32,
      betaSlow: said.beta_slow ?? 1,
      attentionFactor: said.attention_factor ?? undefined,
    };
  }
  throw new ModelFormatError({
    path,
    expected: 'rope scaling default, linear, llama3 or yarn with its factors',
    found: JSON.stringify(said),
  });
}
