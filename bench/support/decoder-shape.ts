/** Decoders of published shapes with random weights, in a file of their own. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type DecoderConfig, parseDecoderConfig } from '../../engine/network/decoder-config.ts';
import { decoderWeights } from '../../engine/network/decoder-weights.ts';
import type { WeightEntry, WeightTable } from '../../engine/weights/weight-table.ts';

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

/** A network of fewer layers, otherwise the same. */
export const withLayers = (config: DecoderConfig, layers: number): DecoderConfig => ({ ...config, layers });

/** Numbers that are written over and over; a prime count, so that no two rows are the same. */
const pattern = 1_000_003;

/** Writes weights and says where each lies. */
export async function randomDecoderWeights(
  config: DecoderConfig,
  { folder, type }: { readonly folder: string; readonly type: 'float32' | 'bfloat16' },
): Promise<WeightTable> {
  const file = `${config.architecture}-${config.layers}.${type}`;
  const bytesEach = type === 'float32' ? 4 : 2;
  const table = new Map<string, WeightEntry>();
  let offset = 0;
  for (const [name, shape] of decoderWeights(config)) {
    const length = bytesEach * shape.reduce((product, axis) => product * axis, 1);
    table.set(name, { type, shape, offset, length, file });
    offset += length;
  }
  const floats = Float32Array.from({ length: pattern }, (_, i) => 0.03 * Math.sin(i * 12.9898 + i ** 1.5));
  const halves = Uint16Array.from(new Uint32Array(floats.buffer), (bits) => bits >>> 16);
  const { buffer } = type === 'float32' ? floats : halves;
  const target = await open(join(folder, file), 'w');
  for (let at = 0; at < offset; at += buffer.byteLength) {
    await target.writeFile(new Uint8Array(buffer, 0, Math.min(buffer.byteLength, offset - at)));
  }
  await target.close();
  return table;
}
