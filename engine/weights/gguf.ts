/** Reads GGUF files: their metadata, and their tensors by Hugging Face's names. */
import { open, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ModelFormatError } from '../errors.ts';
import type { DataType } from '../graph/value.ts';
import { cachedCopy } from './cached-copy.ts';
import { type GgmlFormat, ggmlFormats } from './ggml-blocks.ts';
import { floatToHalf } from './half.ts';
import { readTensorBytes, readTensorTable } from './safetensors.ts';
import type { WeightEntry, WeightTable } from './weight-table.ts';

/** One tensor of a GGUF file. */
interface GgufTensor {
  readonly format: GgmlFormat;
  /** Row-major, as in a safetensors file. */
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
}

/** An opened GGUF file. */
export interface GgufFile {
  /** Its path. */
  readonly path: string;
  /** Keys and values, as GGUF names them. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Tensors by Hugging Face's names; tensors without one keep GGUF's name. */
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** Hugging Face's names of tensors, by GGUF's. */
const names: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};
const layerNames: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

/**
 * Reads a file's head. @throws ModelFormatError when the file is no GGUF file or holds formats that this build cannot
 * read.
 */
export async function readGguf(path: string): Promise<GgufFile> {
  const { gguf } = await import('@huggingface/gguf');
  const read = await gguf(path, { allowLocalFile: true }).catch((cause: unknown) => {
    throw new ModelFormatError({ path, expected: 'a GGUF file', found: String(cause) }, { cause });
  });
  const start = Number(read.tensorDataOffset);
  const { size } = await stat(path);
  const tensors = new Map<string, GgufTensor>();
  for (const { name, shape, dtype, offset } of read.tensorInfos) {
    const format = ggmlFormats.get(dtype);
    if (!format) throw unreadable(path, name, dtype);
    const rowMajor = [...shape].reverse().map(Number);
    const values = rowMajor.reduce((product, axis) => product * axis, 1);
    const length = (values / format.blockValues) * format.blockBytes;
    const from = start + Number(offset);
    if (!(from + length <= size)) throw cutShort(path, { name, end: from + length, size });
    tensors.set(hubName(name), { format, shape: rowMajor, offset: from, length });
  }
  return { path, metadata: { ...read.metadata }, tensors };
}

/** The error for a file that was cut short: if it were mapped, the pages behind its end would end the process. */
function cutShort(
  path: string,
  { name, end, size }: { readonly name: string; readonly end: number; readonly size: number },
): ModelFormatError {
  const found = `${size} bytes: download it again`;
  return new ModelFormatError({ path, expected: `tensor "${name}" to end at byte ${end}`, found });
}

function unreadable(path: string, name: string, type: number): ModelFormatError {
  const known = [...ggmlFormats.values()].map((format) => format.name).join(', ');
  return new ModelFormatError({
    path,
    expected: `tensor "${name}" in one of the formats ${known}`,
    found: `format number ${type}`,
  });
}

function hubName(name: string): string {
  const [, layer, part, suffix] = /^blk\.(\d+)\.(\w+)\.(weight|bias)$/.exec(name) ?? [];
  if (layer !== undefined && part && layerNames[part])
    return `model.layers.${layer}.${layerNames[part]}.${suffix}`;
  const [, top] = /^(\w+)\.weight$/.exec(name) ?? [];
  return top && names[top] ? `${names[top]}.weight` : name;
}

/** Reads the numbers of one small tensor. */
export async function readGgufTensor(
  { path, tensors }: GgufFile,
  name: string,
): Promise<Float32Array | undefined> {
  const tensor = tensors.get(name);
  if (!tensor) return undefined;
  return tensor.format.toFloats(await readTensorBytes(path, { ...tensor, type: 'uint8' }));
}

const plainTypes: Readonly<Record<string, DataType>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

/**
 * The weights of a GGUF file: the file itself where it holds plain numbers alone, else a copy whose matrices are in
 * half precision, written once to the cache folder as {@link cachedCopy} says. Half precision keeps eleven bits, and
 * the quantised numbers have eight.
 */
export async function ggufWeights(
  file: GgufFile,
  { digest, cacheFolder }: { readonly digest: string; readonly cacheFolder: string },
): Promise<{ readonly folder: string; readonly table: WeightTable }> {
  const isPlain = [...file.tensors.values()].every(({ format }) => plainTypes[format.name]);
  if (isPlain) return { folder: dirname(file.path), table: plainTable(file) };
  const name = `${digest.slice(0, 32)}.gguf.safetensors`;
  const folder = await cachedCopy({
    folder: cacheFolder,
    name,
    write: (path) => writeExpanded(file, path),
  });
  const table = new Map<string, WeightEntry>();
  for (const [tensor, entry] of await readTensorTable(join(folder, name)))
    table.set(tensor, { ...entry, file: name });
  return { folder, table };
}

function plainTable({ path, tensors }: GgufFile): WeightTable {
  const file = basename(path);
  return new Map(
    [...tensors].map(([name, { format, shape, offset, length }]) => [
      name,
      { type: plainTypes[format.name]!, shape, offset, length, file },
    ]),
  );
}

/** Count of numbers that are expanded at once: whole blocks of every format. */
const valuesAtOnce = 1 << 20;

/**
 * Writes the expanded weights one tensor after another, so that a model of any size takes only the memory of one run of
 * numbers.
 */
async function writeExpanded({ path: source, tensors }: GgufFile, target: string): Promise<void> {
  const header: Record<string, unknown> = { __metadata__: { blockrank: 'expanded from GGUF' } };
  let at = 0;
  for (const [name, { shape }] of tensors) {
    const isMatrix = shape.length > 1;
    const bytes = shape.reduce((product, axis) => product * axis, isMatrix ? 2 : 4);
    header[name] = { dtype: isMatrix ? 'F16' : 'F32', shape, data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const json = JSON.stringify(header);
  const head = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8));
  const lead = Buffer.alloc(8);
  lead.writeBigUInt64LE(BigInt(head.length));
  const [from, to] = [await open(source, 'r'), await open(target, 'wx')];
  try {
    await to.writeFile(lead);
    await to.writeFile(head);
    for (const tensor of tensors.values()) {
      for await (const bytes of expand(tensor, async (length, position) => {
        const buffer = Buffer.alloc(length);
        await from.read(buffer, 0, length, position);
        return buffer;
      })) {
        await to.writeFile(bytes);
      }
    }
  } finally {
    await from.close();
    await to.close();
  }
}

async function* expand(
  { format, shape, offset, length }: GgufTensor,
  read: (length: number, position: number) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const step = (valuesAtOnce / format.blockValues) * format.blockBytes;
  for (let at = 0; at < length; at += step) {
    const floats = format.toFloats(await read(Math.min(step, length - at), offset + at));
    const numbers = shape.length > 1 ? Uint16Array.from(floats, floatToHalf) : floats;
    yield new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  }
}
