/** The shape of a BERT-like encoder, as its `config.json` says. */
import * as z from 'zod';
import { ModelFormatError } from '../errors.ts';
import type { LoopBlocks } from './loops.ts';

/** What may differ from layer to layer. */
export interface LayerSizes {
  /** Attention heads, at least 1, each of `width / heads of the encoder` values. */
  readonly heads: number;
  /** Inner width of the feed-forward part, at least 1. */
  readonly innerWidth: number;
}

/** An encoder's shape. */
export interface EncoderConfig {
  /** Values a vector, `W`. */
  readonly width: number;
  /** Layers with weights of their own. */
  readonly layers: number;
  /** The layers that loop; their sum is `layers`. @defaultValue none: each layer is applied once */
  readonly blocks?: LoopBlocks | undefined;
  /** How often the looped block is applied, at least 1; may be another number than in training. @defaultValue 1 */
  readonly loops?: number | undefined;
  /** Attention heads, `H`; with the width they say how many values a head has. */
  readonly heads: number;
  /** Inner width of the feed-forward part, `F`. */
  readonly innerWidth: number;
  /** Sizes of each layer by its number, where some are narrower. @defaultValue `heads` and `innerWidth` in all */
  readonly narrow?: readonly LayerSizes[] | undefined;
  /** Longest block, in tokens. */
  readonly positions: number;
  /** Tokens of the vocabulary. */
  readonly vocabulary: number;
  /** Kinds of text that the embeddings tell apart; every token of ours is of the first kind. */
  readonly tokenTypes: number;
  /** Added to the variance when normalising. */
  readonly epsilon: number;
}

/** Sizes of one layer. @param layer - The number of its weights, 0 first. */
export const layerSizes = ({ narrow, heads, innerWidth }: EncoderConfig, layer: number): LayerSizes =>
  narrow?.[layer] ?? { heads, innerWidth };

const configSchema = z.object({
  model_type: z.literal('bert'),
  hidden_size: z.int().min(1),
  num_hidden_layers: z.int().min(1),
  num_attention_heads: z.int().min(1),
  intermediate_size: z.int().min(1),
  max_position_embeddings: z.int().min(1),
  vocab_size: z.int().min(1),
  type_vocab_size: z.int().min(1).default(2),
  layer_norm_eps: z.number().positive(),
  hidden_act: z.literal('gelu'),
  position_embedding_type: z.literal('absolute').default('absolute'),
  blocks: z.strictObject({ prefix: z.int().min(0), loop: z.int().min(1), suffix: z.int().min(0) }).optional(),
  loops: z.int().min(1).optional(),
});

/**
 * Reads a `config.json`.
 *
 * @throws ModelFormatError naming every value that this network cannot be.
 */
export function parseEncoderConfig(json: unknown, path: string): EncoderConfig {
  const parsed = configSchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`);
    throw new ModelFormatError({ path, expected: 'a BertModel configuration', found: problems.join('; ') });
  }
  const config = parsed.data;
  if (config.hidden_size % config.num_attention_heads !== 0) {
    const found = `hidden_size ${config.hidden_size} and num_attention_heads ${config.num_attention_heads}`;
    throw new ModelFormatError({ path, expected: 'a width that the heads divide', found });
  }
  const { blocks, loops } = config;
  checkBlocks(config, path);
  return {
    ...(blocks && { blocks, loops: loops ?? 1 }),
    width: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    innerWidth: config.intermediate_size,
    positions: config.max_position_embeddings,
    vocabulary: config.vocab_size,
    tokenTypes: config.type_vocab_size,
    epsilon: config.layer_norm_eps,
  };
}

/** @throws ModelFormatError when the blocks are not the layers, or when loops have no block. */
function checkBlocks(
  { num_hidden_layers: layers, blocks, loops }: z.infer<typeof configSchema>,
  path: string,
): void {
  if (!blocks) {
    if (loops === undefined) return;
    throw new ModelFormatError({ path, expected: 'blocks beside loops', found: `loops ${loops} alone` });
  }
  const { prefix, loop, suffix } = blocks;
  if (prefix + loop + suffix === layers) return;
  const found = `${prefix} + ${loop} + ${suffix} and num_hidden_layers ${layers}`;
  throw new ModelFormatError({ path, expected: 'blocks that sum to the layers', found });
}

/** What {@link parseEncoderConfig} reads: the content of a `config.json`. */
export function toEncoderConfigJson(config: EncoderConfig): Readonly<Record<string, unknown>> {
  const { blocks, loops } = config;
  return {
    model_type: 'bert',
    hidden_size: config.width,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    intermediate_size: config.innerWidth,
    max_position_embeddings: config.positions,
    vocab_size: config.vocabulary,
    type_vocab_size: config.tokenTypes,
    layer_norm_eps: config.epsilon,
    hidden_act: 'gelu',
    ...(blocks && { blocks, loops }),
  };
}
