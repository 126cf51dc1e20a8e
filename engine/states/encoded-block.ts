/** What workers make of blocks, and how the blocks of a document become its state. */
import type { BlockState } from '../contract.ts';
import { sharedFloats, weighed } from '../session/shared-floats.ts';
import type { TokenisedDocument } from './tokenise.ts';

/** The vectors of one encoded block. */
export interface EncodedBlock {
  /** The first token's vector, shape `[width]`. */
  readonly anchor: Float32Array;
  /** Every token's vector, shape `[tokens, width]`; absent in tier `anchor`. */
  readonly tokens?: Float32Array;
}

/**
 * Joins the blocks of a document to its state, in shared memory, so that workers read the vectors later without a copy.
 */
export function joinBlocks(
  blocks: readonly EncodedBlock[],
  document: TokenisedDocument,
  width: number,
): BlockState {
  const blockTokens = document.blocks.map(({ length }) => length);
  const anchors = shared(blocks.map(({ anchor }) => anchor));
  const tokens = blocks.flatMap((block) => (block.tokens ? [block.tokens] : []));
  return {
    width,
    blockTokens,
    anchors,
    ...(tokens.length === blocks.length ? { tokens: shared(tokens) } : {}),
    truncatedTokens: document.truncatedTokens,
  };
}

function shared(parts: readonly Float32Array[]): Float32Array {
  const only = parts[0];
  if (parts.length === 1 && only && only.buffer instanceof SharedArrayBuffer) return weighed(only);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = sharedFloats(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
