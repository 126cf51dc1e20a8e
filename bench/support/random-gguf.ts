/** A GGUF file of a decoder's shape with random weights and a tiny vocabulary, for llama.cpp. */
import { open } from 'node:fs/promises';
import type { DecoderConfig } from '../../engine/network/decoder-config.ts';
import { floatToHalf } from '../../engine/weights/half.ts';

/** How matrices are kept, with GGML's numbers. */
const formats = { f16: 1, q8_0: 8 } as const;
/** One of {@link formats}. */
export type GgufFormat = keyof typeof formats;

const vocabulary = 512;
const alignment = 32;

/** GGUF's numbers of value types. */
const kinds = { uint32: 4, int32: 5, float32: 6, string: 8, array: 9 } as const;

class Bytes {
  readonly #parts: Buffer[] = [];
  length = 0;

  push(part: Buffer): this {
    this.#parts.push(part);
    this.length += part.length;
    return this;
  }
  uint32(value: number): this {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    return this.push(part);
  }
  uint64(value: number): this {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    return this.push(part);
  }
  float(value: number): this {
    const part = Buffer.alloc(4);
    part.writeFloatLE(value);
    return this.push(part);
  }
  string(value: string): this {
    const bytes = Buffer.from(value);
    return this.uint64(bytes.length).push(bytes);
  }
  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

interface Tensor {
  readonly name: string;
  /** Row-major. */
  readonly shape: readonly number[];
  readonly format: number;
}

/** Writes the file. */
export async function writeRandomGguf(
  path: string,
  config: DecoderConfig,
  format: GgufFormat,
): Promise<void> {
  const tensors = tensorsOf(config, formats[format]);
  const head = new Bytes().push(Buffer.from('GGUF')).uint32(3).uint64(tensors.length);
  const metadata = metadataOf(config);
  head.uint64(metadata.length);
  for (const write of metadata) write(head);
  let offset = 0;
  for (const { name, shape, format: kind } of tensors) {
    head.string(name).uint32(shape.length);
    for (const axis of [...shape].reverse()) head.uint64(axis);
    head.uint32(kind).uint64(offset);
    offset += aligned(sizeOf({ name, shape, format: kind }));
  }
  head.push(Buffer.alloc(aligned(head.length) - head.length));
  const file = await open(path, 'w');
  await file.writeFile(head.finish());
  for (const tensor of tensors) {
    const bytes = Buffer.alloc(aligned(sizeOf(tensor)));
    fill(bytes, tensor);
    await file.writeFile(bytes);
  }
  await file.close();
}

const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

function sizeOf({ shape, format }: Tensor): number {
  const values = shape.reduce((product, axis) => product * axis, 1);
  if (format === 0) return 4 * values;
  return format === formats.f16 ? 2 * values : (values / 32) * 34;
}

/** Small numbers that repeat; vectors are ones. */
function fill(bytes: Buffer, { format }: Tensor): void {
  const scale = floatToHalf(0.0003);
  const halves = Uint16Array.from({ length: 4093 }, (_, i) => floatToHalf(0.03 * Math.sin(i * 12.9898)));
  if (format === 0) for (let at = 0; at < bytes.length; at += 4) bytes.writeFloatLE(1, at);
  else if (format === formats.f16) {
    for (let at = 0, i = 0; at < bytes.length; at += 2, i += 1) bytes.writeUInt16LE(halves[i % 4093]!, at);
  } else {
    for (let at = 0; at + 34 <= bytes.length; at += 34) {
      bytes.writeUInt16LE(scale, at);
      for (let j = 2; j < 34; j += 1) bytes[at + j] = (at * 31 + j * 17) & 255;
    }
  }
}

function tensorsOf(
  { width: W, innerWidth: F, heads, keyValueHeads, headSize: D, layers }: DecoderConfig,
  format: number,
): Tensor[] {
  const matrix = (name: string, ...shape: number[]): Tensor => ({ name: `${name}.weight`, shape, format });
  const norm = (name: string): Tensor => ({ name: `${name}.weight`, shape: [W], format: 0 });
  const blocks = Array.from({ length: layers }, (_, layer) => {
    const name = `blk.${layer}`;
    return [
      norm(`${name}.attn_norm`),
      norm(`${name}.ffn_norm`),
      matrix(`${name}.attn_q`, heads * D, W),
      matrix(`${name}.attn_k`, keyValueHeads * D, W),
      matrix(`${name}.attn_v`, keyValueHeads * D, W),
      matrix(`${name}.attn_output`, W, heads * D),
      matrix(`${name}.ffn_gate`, F, W),
      matrix(`${name}.ffn_up`, F, W),
      matrix(`${name}.ffn_down`, W, F),
    ];
  });
  return [matrix('token_embd', vocabulary, W), norm('output_norm'), ...blocks.flat()];
}

type Write = (bytes: Bytes) => void;

function metadataOf(config: DecoderConfig): Write[] {
  const text =
    (key: string, value: string): Write =>
    (bytes) =>
      bytes.string(key).uint32(kinds.string).string(value);
  const whole =
    (key: string, value: number): Write =>
    (bytes) =>
      bytes.string(key).uint32(kinds.uint32).uint32(value);
  const real =
    (key: string, value: number): Write =>
    (bytes) =>
      bytes.string(key).uint32(kinds.float32).float(value);
  const list =
    (key: string, kind: number, write: (bytes: Bytes, i: number) => void): Write =>
    (bytes) => {
      bytes.string(key).uint32(kinds.array).uint32(kind).uint64(vocabulary);
      for (let i = 0; i < vocabulary; i += 1) write(bytes, i);
    };
  return [
    text('general.architecture', 'llama'),
    text('general.name', 'random'),
    whole('llama.context_length', config.positions),
    whole('llama.embedding_length', config.width),
    whole('llama.block_count', config.layers),
    whole('llama.feed_forward_length', config.innerWidth),
    whole('llama.attention.head_count', config.heads),
    whole('llama.attention.head_count_kv', config.keyValueHeads),
    whole('llama.rope.dimension_count', config.headSize),
    real('llama.rope.freq_base', config.rope.theta),
    real('llama.attention.layer_norm_rms_epsilon', config.epsilon),
    text('tokenizer.ggml.model', 'llama'),
    list('tokenizer.ggml.tokens', kinds.string, (bytes, i) => bytes.string(tokenOf(i))),
    list('tokenizer.ggml.scores', kinds.float32, (bytes, i) => bytes.float(-i)),
    list('tokenizer.ggml.token_type', kinds.int32, (bytes, i) => bytes.uint32(typeOf(i))),
    whole('tokenizer.ggml.bos_token_id', 1),
    whole('tokenizer.ggml.eos_token_id', 2),
    whole('tokenizer.ggml.unknown_token_id', 0),
  ];
}

/** Unknown, two control tokens, every byte, then made-up words. */
function tokenOf(i: number): string {
  if (i < 3) return ['<unk>', '<s>', '</s>'][i]!;
  return i < 259 ? `<0x${(i - 3).toString(16).toUpperCase().padStart(2, '0')}>` : `▁w${i}`;
}

function typeOf(i: number): number {
  if (i === 0) return 2;
  if (i < 3) return 3;
  return i < 259 ? 6 : 1;
}
