/** The shape of a BERT-like encoder, as its `config.json` says. */
import * as z from 'zod';
import { ModelFormatError } from '../errors.ts';

/** An encoder's shape. */
export interface EncoderConfig {
  /** Values a vector, `W`. */
  readonly width: number;
  /** Layers. */
  readonly layers: number;
  /** Attention heads, `H`. */
  readonly heads: number;
  /** Inner width of the feed-forward part, `F`. */
  readonly innerWidth: number;
  /** Longest block, in tokens. */
  readonly positions: number;
  /** Tokens of the vocabulary. */
  readonly vocabulary: number;
  /** Kinds of text that the embeddings tell apart; every token of ours is of the first kind. */
  readonly tokenTypes: number;
  /** Added to the variance when normalising. */
  readonly epsilon: number;
}

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
  return {
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
