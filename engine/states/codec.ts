/**
 * Block states as bytes. Little-endian: magic, version, width, blocks, token flag, tokens a block, truncated
 * tokens, then the vectors in half precision, anchors first.
 */
import type { BlockState } from '../contract.ts';
import { floatToHalf, halfToFloat } from '../weights/half.ts';

const magic = 0x5342; // "BS"
const version = 1;
const headBytes = 16;

/** A state as bytes; vectors are rounded to half precision (relative error at most 2^-11). */
export function encodeState(state: BlockState): Uint8Array {
  const { width, blockTokens, anchors, tokens, truncatedTokens } = state;
  const values = anchors.length + (tokens?.length ?? 0);
  const bytes = new Uint8Array(headBytes + 4 * blockTokens.length + 2 * values);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, magic, true);
  view.setUint16(2, version, true);
  view.setUint16(4, width, true);
  view.setUint16(6, tokens ? 1 : 0, true);
  view.setUint32(8, blockTokens.length, true);
  view.setUint32(12, truncatedTokens, true);
  blockTokens.forEach((count, block) => {
    view.setUint32(headBytes + 4 * block, count, true);
  });
  const halves = new Uint16Array(bytes.buffer, headBytes + 4 * blockTokens.length, values);
  writeHalves(anchors, halves, 0);
  if (tokens) writeHalves(tokens, halves, anchors.length);
  return bytes;
}

/** The state that {@link encodeState} wrote; undefined when the bytes are damaged or of another version. */
export function decodeState(bytes: Uint8Array): BlockState | undefined {
  if (bytes.byteLength < headBytes) return undefined;
  const copy = bytes.slice(); // aligned, and its own
  const view = new DataView(copy.buffer);
  if (view.getUint16(0, true) !== magic || view.getUint16(2, true) !== version) return undefined;
  const width = view.getUint16(4, true);
  const blocks = view.getUint32(8, true);
  const body = headBytes + 4 * blocks;
  if (blocks === 0 || width === 0 || copy.byteLength < body) return undefined;
  const blockTokens = Array.from({ length: blocks }, (_, block) =>
    view.getUint32(headBytes + 4 * block, true),
  );
  const tokenValues =
    view.getUint16(6, true) === 1 ? width * blockTokens.reduce((sum, count) => sum + count, 0) : 0;
  const values = blocks * width + tokenValues;
  if (copy.byteLength !== body + 2 * values) return undefined;
  const halves = new Uint16Array(copy.buffer, body, values);
  return {
    width,
    blockTokens,
    anchors: readHalves(halves.subarray(0, blocks * width)),
    ...(tokenValues > 0 ? { tokens: readHalves(halves.subarray(blocks * width)) } : {}),
    truncatedTokens: view.getUint32(12, true),
  };
}

function writeHalves(values: Float32Array, halves: Uint16Array, at: number): void {
  for (let i = 0; i < values.length; i += 1) halves[at + i] = floatToHalf(values[i]!);
}

function readHalves(halves: Uint16Array): Float32Array {
  const values = new Float32Array(new SharedArrayBuffer(4 * halves.length));
  for (let i = 0; i < halves.length; i += 1) values[i] = halfToFloat(halves[i]!);
  return values;
}
