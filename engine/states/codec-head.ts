/**
 * The head before a state's vectors. Little-endian:
 *
 * | byte | what |
 * |---|---|
 * | 0 | magic `BS` |
 * | 2 | version, 16 bits |
 * | 4 | tier: 0 `anchor`, 1 `tokens` |
 * | 5 | precision: 0 `fp16`, 1 `int8` |
 * | 6 | which tokens are kept: 0 all, 1 `attention`, 2 `statistical`, 3 `pool` |
 * | 7 | 0 |
 * | 8 | width, 16 bits |
 * | 10 | blocks, 16 bits |
 * | 12 | bound on token vectors, 32 bits; 0 where there is none |
 * | 16 | tokens that a cap cut away, 32 bits |
 * | 20 | encoding digest, 16 bytes |
 * | 36 | text digest, its first 16 bytes |
 * | 52 | checksum: the first 8 bytes of the SHA-256 of everything else |
 * | 60 | tokens of each block, 32 bits each |
 *
 * So one block's head takes 64 bytes.
 */
import { createHash } from 'node:crypto';
import type { StateKey } from '../contract.ts';
import { type Pruning, pruningRules } from './codec-pruning.ts';
import type { StatePrecision } from './codec-rows.ts';

/** The version that this build writes and reads. */
export const stateVersion = 2;

/** The content of a head. */
export interface StateHead {
  /** Whether there are vectors of tokens beside the anchors. */
  readonly tier: 'anchor' | 'tokens';
  /** The precision of the vectors. */
  readonly precision: StatePrecision;
  /** The bound on token vectors; absent where all tokens were kept. */
  readonly pruning?: Pruning;
  /** Values a vector. */
  readonly width: number;
  /** Tokens of each block; in tier `tokens`, the kept ones. */
  readonly blockTokens: readonly number[];
  /** Tokens that a cap cut away. */
  readonly truncatedTokens: number;
}

const magic = 0x5342; // "BS"
const digestBytes = 16;
const digestsAt = 20;
const checksumAt = digestsAt + 2 * digestBytes;
const checksumBytes = 8;
const countsAt = checksumAt + checksumBytes;

/** Bytes of a head; a multiple of 4. */
export function headBytes(blocks: number): number {
  return countsAt + 4 * blocks;
}

/** Writes everything but the checksum. */
export function writeHead(bytes: Uint8Array, head: StateHead, key: StateKey): void {
  const { tier, precision, pruning, width, blockTokens, truncatedTokens } = head;
  const view = new DataView(bytes.buffer);
  view.setUint16(0, magic, true);
  view.setUint16(2, stateVersion, true);
  view.setUint8(4, tier === 'tokens' ? 1 : 0);
  view.setUint8(5, precision === 'int8' ? 1 : 0);
  view.setUint8(6, pruning ? 1 + pruningRules.indexOf(pruning.rule) : 0);
  view.setUint16(8, width, true);
  view.setUint16(10, blockTokens.length, true);
  view.setUint32(12, pruning?.maxTokens ?? 0, true);
  view.setUint32(16, truncatedTokens, true);
  bytes.set(digestStart(key.encodingDigest), digestsAt);
  bytes.set(digestStart(key.textDigest), digestsAt + digestBytes);
  blockTokens.forEach((count, block) => {
    view.setUint32(countsAt + 4 * block, count, true);
  });
}

/** Writes the checksum of otherwise complete bytes. */
export function seal(bytes: Uint8Array): void {
  bytes.set(checksum(bytes), checksumAt);
}

/** Whether the bytes are the same as when {@link seal} wrote their checksum. */
export function isSealed(bytes: Uint8Array): boolean {
  return Buffer.compare(checksum(bytes), bytes.subarray(checksumAt, countsAt)) === 0;
}

/** The version of a state, from its first four bytes; `undefined` when the bytes start like no state. */
export function versionOf(bytes: Uint8Array): number | undefined {
  if (bytes.byteLength < 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view.getUint16(0, true) === magic ? view.getUint16(2, true) : undefined;
}

/** Whether the bytes were made by this encoder. */
export function isOfEncoder(
  bytes: Uint8Array,
  { encodingDigest }: Pick<StateKey, 'encodingDigest'>,
): boolean {
  const written = bytes.subarray(digestsAt, digestsAt + digestBytes);
  return Buffer.compare(digestStart(encodingDigest), written) === 0;
}

/** Whether the bytes were made from this text. */
export function isOfText(bytes: Uint8Array, { textDigest }: Pick<StateKey, 'textDigest'>): boolean {
  const written = bytes.subarray(digestsAt + digestBytes, checksumAt);
  return Buffer.compare(digestStart(textDigest), written) === 0;
}

/** The head; `undefined` when the bytes are too few for one, or its values contradict each other. */
export function readHead(bytes: Uint8Array): StateHead | undefined {
  if (bytes.byteLength < countsAt) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const blocks = view.getUint16(10, true);
  const width = view.getUint16(8, true);
  const rule = view.getUint8(6);
  if (blocks === 0 || width === 0 || rule > pruningRules.length || bytes.byteLength < headBytes(blocks)) {
    return undefined;
  }
  return {
    tier: view.getUint8(4) === 1 ? 'tokens' : 'anchor',
    precision: view.getUint8(5) === 1 ? 'int8' : 'fp16',
    ...(rule > 0 && { pruning: { maxTokens: view.getUint32(12, true), rule: pruningRules[rule - 1]! } }),
    width,
    blockTokens: Array.from({ length: blocks }, (_, block) => view.getUint32(countsAt + 4 * block, true)),
    truncatedTokens: view.getUint32(16, true),
  };
}

function checksum(bytes: Uint8Array): Uint8Array {
  const hash = createHash('sha256');
  hash.update(bytes.subarray(0, checksumAt)).update(bytes.subarray(countsAt));
  return hash.digest().subarray(0, checksumBytes);
}

/**
 * The first bytes of a digest; a name that is no digest is hashed first, so that different names give different bytes.
 */
function digestStart(digest: string): Uint8Array {
  const isHex = digest.length >= 2 * digestBytes && /^[0-9a-f]+$/.test(digest);
  const whole = isHex ? Buffer.from(digest, 'hex') : createHash('sha256').update(digest).digest();
  return whole.subarray(0, digestBytes);
}
