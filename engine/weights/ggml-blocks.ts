/**
 * GGML's blocks of quantised numbers: the layout of each format, and the numbers that its bytes stand for.
 *
 * Source: the layouts of llama.cpp's ggml; checked against the dequantisation of its Python package `gguf`.
 */
import { halfToFloat } from './half.ts';
import { toFloat32 } from './safetensors.ts';

/** One format of quantised numbers. */
export interface GgmlFormat {
  /** GGML's name. */
  readonly name: string;
  /** Numbers of one block. */
  readonly blockValues: number;
  /** Bytes of one block. */
  readonly blockBytes: number;
  /** Turns blocks into the numbers that they stand for. */
  readonly toFloats: (bytes: Uint8Array) => Float32Array;
}

/** Reads one block at `at` of `bytes` into `out` at `to`. */
type ReadBlock = (
  block: { readonly bytes: Uint8Array; readonly at: number },
  out: Float32Array,
  to: number,
) => void;

function blocks(name: string, blockValues: number, blockBytes: number, read: ReadBlock): GgmlFormat {
  const toFloats = (bytes: Uint8Array): Float32Array => {
    const count = bytes.length / blockBytes;
    const out = new Float32Array(count * blockValues);
    for (let b = 0; b < count; b += 1) read({ bytes, at: b * blockBytes }, out, b * blockValues);
    return out;
  };
  return { name, blockValues, blockBytes, toFloats };
}

const half = (bytes: Uint8Array, at: number): number => halfToFloat(bytes[at]! | (bytes[at + 1]! << 8));
const signed = (byte: number): number => (byte << 24) >> 24;

const q4_0: ReadBlock = ({ bytes, at }, out, to) => {
  const scale = half(bytes, at);
  for (let j = 0; j < 16; j += 1) {
    const pair = bytes[at + 2 + j]!;
    out[to + j] = ((pair & 15) - 8) * scale;
    out[to + j + 16] = ((pair >> 4) - 8) * scale;
  }
};

const q4_1: ReadBlock = ({ bytes, at }, out, to) => {
  const [scale, least] = [half(bytes, at), half(bytes, at + 2)];
  for (let j = 0; j < 16; j += 1) {
    const pair = bytes[at + 4 + j]!;
    out[to + j] = (pair & 15) * scale + least;
    out[to + j + 16] = (pair >> 4) * scale + least;
  }
};

const q8_0: ReadBlock = ({ bytes, at }, out, to) => {
  const scale = half(bytes, at);
  for (let j = 0; j < 32; j += 1) out[to + j] = signed(bytes[at + 2 + j]!) * scale;
};

/** Scale and least value of a run of 32, six bits each, packed into twelve bytes. */
function packedScale(bytes: Uint8Array, at: number, run: number): readonly [number, number] {
  if (run < 4) return [bytes[at + run]! & 63, bytes[at + run + 4]! & 63];
  const low = bytes[at + run + 4]!;
  return [(low & 15) | ((bytes[at + run - 4]! >> 6) << 4), (low >> 4) | ((bytes[at + run]! >> 6) << 4)];
}

const q4_k: ReadBlock = ({ bytes, at }, out, to) => {
  const [scale, least] = [half(bytes, at), half(bytes, at + 2)];
  for (let run = 0; run < 8; run += 1) {
    const [runScale, runLeast] = packedScale(bytes, at + 4, run);
    const from = at + 16 + (run >> 1) * 32;
    const shift = (run & 1) * 4;
    for (let j = 0; j < 32; j += 1) {
      out[to + run * 32 + j] = scale * runScale * ((bytes[from + j]! >> shift) & 15) - least * runLeast;
    }
  }
};

const q6_k: ReadBlock = ({ bytes, at }, out, to) => {
  const scale = half(bytes, at + 208);
  for (let n = 0; n < 256; n += 1) {
    const [side, quarter, j] = [n >> 7, (n >> 5) & 3, n & 31];
    const low = bytes[at + side * 64 + (quarter & 1) * 32 + j]! >> ((quarter >> 1) * 4);
    const high = bytes[at + 128 + side * 32 + j]! >> (quarter * 2);
    const runScale = signed(bytes[at + 192 + (n >> 4)]!);
    out[to + n] = scale * runScale * (((low & 15) | ((high & 3) << 4)) - 32);
  }
};

/** Formats by GGML's number. */
export const ggmlFormats: ReadonlyMap<number, GgmlFormat> = new Map([
  [0, { name: 'F32', blockValues: 1, blockBytes: 4, toFloats: (bytes) => toFloat32(bytes, 'float32') }],
  [1, { name: 'F16', blockValues: 1, blockBytes: 2, toFloats: (bytes) => toFloat32(bytes, 'float16') }],
  [2, blocks('Q4_0', 32, 18, q4_0)],
  [3, blocks('Q4_1', 32, 20, q4_1)],
  [8, blocks('Q8_0', 32, 34, q8_0)],
  [12, blocks('Q4_K', 256, 144, q4_k)],
  [14, blocks('Q6_K', 256, 210, q6_k)],
  [30, { name: 'BF16', blockValues: 1, blockBytes: 2, toFloats: (bytes) => toFloat32(bytes, 'bfloat16') }],
] satisfies [number, GgmlFormat][]);
