/** Writes block states as bytes, and reads them: a head that describes the state, then the vectors, anchors first. */
import type { BlockState, StateKey } from '../contract.ts';
import {
  headBytes,
  isOfEncoder,
  isOfText,
  isSealed,
  readHead,
  type StateHead,
  seal,
  stateVersion,
  versionOf,
  writeHead,
} from './codec-head.ts';
import { type Pruning, pruneTokens } from './codec-pruning.ts';
import { readRows, rowsBytes, type StatePrecision, writeRows } from './codec-rows.ts';
import { completeCodec, type StateCodec } from './state-codec.ts';

/** The fault of bytes that are no state of the wanted text; see {@link decodeState}. */
export type StateFault = 'damaged' | 'foreign' | 'stale';

/** The result of {@link decodeState}. */
export type DecodedState =
  | {
      /** The state. */
      readonly state: BlockState;
      /** Absent. */
      readonly fault?: undefined;
    }
  | {
      /** Absent. */
      readonly state?: undefined;
      /** The fault of the bytes. */
      readonly fault: StateFault;
    };

/**
 * A state as bytes. A state without token vectors is written as anchors, whatever the codec.
 *
 * @param key - Written into the head, so that the bytes tell their encoder and text wherever they lie.
 * @param codec - The form of the vectors. @defaultValue every vector in half precision
 */
export function encodeState(key: StateKey, state: BlockState, codec: StateCodec = completeCodec): Uint8Array {
  const { width, anchors, truncatedTokens } = state;
  const { precision, pruning } = codec;
  const kept = toKept(state, codec);
  const parts = kept.tokens ? [anchors, kept.tokens] : [anchors];
  const rows = parts.reduce((sum, part) => sum + part.length, 0) / width;
  const at = headBytes(kept.blockTokens.length);
  const bytes = new Uint8Array(at + rowsBytes(precision, rows, width));
  const tier = kept.tokens ? 'tokens' : 'anchor';
  const head: StateHead = {
    tier,
    precision,
    width,
    blockTokens: kept.blockTokens,
    truncatedTokens,
    ...(pruning && tier === 'tokens' && { pruning }),
  };
  writeHead(bytes, head, key);
  writeRows(bytes, { at, rows, width }, precision, parts);
  seal(bytes);
  return bytes;
}

/**
 * The state that {@link encodeState} wrote for this key.
 *
 * - `damaged`: any bit or length differs from what was written;
 * - `foreign`: another version of this form, another encoder's state, or a state whose tokens were chosen in another
 *   way than the codec's: in a list whose documents keep different shares of their tokens, those that keep more would
 *   be favoured;
 * - `stale`: this encoder's state of another text.
 *
 * @param codec - The wanted form: codec `anchor-…` takes the anchors of any state; precisions may differ.
 *   @defaultValue any state that keeps all that its tier has
 */
export function decodeState(bytes: Uint8Array, key: StateKey, codec?: StateCodec): DecodedState {
  const version = versionOf(bytes);
  if (version === undefined) return { fault: 'damaged' };
  if (version !== stateVersion) return { fault: 'foreign' };
  const own = new Uint8Array(bytes); // a copy, aligned and independent of the given bytes
  const head = readHead(own);
  if (!head || own.byteLength !== stateBytesOf(head) || !isSealed(own)) return { fault: 'damaged' };
  if (!isOfEncoder(own, key) || !answers(head, codec)) return { fault: 'foreign' };
  if (!isOfText(own, key)) return { fault: 'stale' };
  const { width, blockTokens, truncatedTokens, precision } = head;
  const blocks = blockTokens.length;
  const layout = { at: headBytes(blocks), rows: rowsOf(head), width };
  const count = layout.rows - blocks;
  return {
    state: {
      width,
      blockTokens,
      anchors: readRows(own, layout, precision, { first: 0, count: blocks }),
      ...(count > 0 &&
        codec?.tier !== 'anchor' && {
          tokens: readRows(own, layout, precision, { first: blocks, count }),
        }),
      truncatedTokens,
    },
  };
}

/** The state as a reader gets it after storage, so that new states and stored ones rank alike, to the last bit. */
export function throughCodec(state: BlockState, codec: StateCodec): BlockState {
  const key = { encodingDigest: '', textDigest: '' };
  return decodeState(encodeState(key, state, codec), key, codec).state ?? state;
}

function toKept(
  { tokens, ...state }: BlockState,
  { tier, pruning }: StateCodec,
): Pick<BlockState, 'blockTokens' | 'tokens'> {
  if (!tokens || tier === 'anchor') return { blockTokens: state.blockTokens };
  return pruning ? pruneTokens({ ...state, tokens }, pruning) : { blockTokens: state.blockTokens, tokens };
}

function rowsOf({ tier, blockTokens }: StateHead): number {
  const tokens = tier === 'tokens' ? blockTokens.reduce((sum, count) => sum + count, 0) : 0;
  return blockTokens.length + tokens;
}

function stateBytesOf(head: StateHead): number {
  const precision: StatePrecision = head.precision;
  return headBytes(head.blockTokens.length) + rowsBytes(precision, rowsOf(head), head.width);
}

function answers({ tier, pruning }: StateHead, codec: StateCodec | undefined): boolean {
  if (!codec) return pruning === undefined;
  return codec.tier === 'anchor' || (tier === 'tokens' && isSamePruning(pruning, codec.pruning));
}

function isSamePruning(one: Pruning | undefined, other: Pruning | undefined): boolean {
  return one?.maxTokens === other?.maxTokens && one?.rule === other?.rule;
}
