/** Reads a decoder's shape from a GGUF file. */
import { ModelFormatError } from '../errors.ts';
import { type DecoderConfig, parseDecoderConfig } from '../network/decoder-config.ts';
import type { RopeScaling } from '../network/rope.ts';
import { type GgufFile, readGgufTensor } from '../weights/gguf.ts';

/** `model_type` by GGUF's architecture; Mistral's files call themselves llama. */
const modelTypes: Readonly<Record<string, string>> = { llama: 'llama', qwen2: 'qwen2', qwen3: 'qwen3' };

/** Reads a decoder's shape. @throws ModelFormatError when the file holds no decoder that this build computes. */
export async function ggufConfig(file: GgufFile): Promise<DecoderConfig> {
  const { metadata, path, tensors } = file;
  const architecture = String(metadata['general.architecture']);
  const modelType = Object.hasOwn(modelTypes, architecture) ? modelTypes[architecture] : undefined;
  if (!modelType) {
    const known = Object.keys(modelTypes).join(', ');
    throw new ModelFormatError({ path, expected: `general.architecture of ${known}`, found: architecture });
  }
  const value = (key: string): number | undefined => {
    const said = metadata[`${architecture}.${key}`];
    return said === undefined ? undefined : Number(said);
  };
  const config = parseDecoderConfig(
    {
      model_type: modelType,
      hidden_act: 'silu',
      hidden_size: value('embedding_length'),
      num_hidden_layers: value('block_count'),
      num_attention_heads: value('attention.head_count'),
      num_key_value_heads: value('attention.head_count_kv'),
      head_dim: value('attention.key_length'),
      intermediate_size: value('feed_forward_length'),
      vocab_size: tensors.get('model.embed_tokens.weight')?.shape[0],
      max_position_embeddings: value('context_length'),
      rms_norm_eps: value('attention.layer_norm_rms_epsilon'),
      rope_theta: value('rope.freq_base'),
      sliding_window: value('attention.sliding_window'),
      use_sliding_window: value('attention.sliding_window') !== undefined,
      tie_word_embeddings: !tensors.has('lm_head.weight'),
      attention_bias: tensors.has('model.layers.0.self_attn.o_proj.bias'),
      eos_token_id: metadata['tokenizer.ggml.eos_token_id'],
      ...ropeScaling(value, String(metadata[`${architecture}.rope.scaling.type`] ?? 'none')),
    },
    path,
  );
  // Files of the llama architecture keep queries and keys with the two values of a pair side by side.
  const pairs = architecture === 'llama' ? 'neighbours' : 'halves';
  const divisors = await readGgufTensor(file, 'rope_freqs.weight');
  const scaling: RopeScaling = divisors ? { type: 'divisors', divisors: [...divisors] } : config.rope.scaling;
  return { ...config, rope: { ...config.rope, scaling, pairs } };
}

function ropeScaling(value: (key: string) => number | undefined, type: string): object {
  if (type === 'none') return {};
  return {
    rope_scaling: {
      rope_type: type,
      factor: value('rope.scaling.factor'),
      original_max_position_embeddings: value('rope.scaling.original_context_length'),
    },
  };
}
