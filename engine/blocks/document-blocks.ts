/** Turns a document's text into its blocks of token ids. */
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { BlockCaps } from './caps.ts';

/** One document as blocks. */
export interface DocumentBlocks {
  /** Ids of each block, special tokens included; at least one block. */
  readonly blocks: readonly Int32Array[];
  /** Index of each block's first own token among the text's tokens. */
  readonly starts: readonly number[];
  /** Tokens that the caps cut away; an estimate for text beyond {@link maxTokenisedCharacters}. */
  readonly truncatedTokens: number;
}

/**
 * Most characters that count for a token when a text is tokenised; the text beyond `blocks * tokens * this` characters
 * is cut unread, so that a 1 MB document costs no more than a long one. English takes about 4.5 characters a token
 * (measured on the shipped tokenizer); 16 leaves room for long words.
 */
const charactersPerToken = 16;

/** The most characters of a document that are tokenised, by its caps. */
export function maxTokenisedCharacters(caps: BlockCaps): number {
  return caps.maxDocumentBlocks * caps.maxDocumentTokens * charactersPerToken;
}

/**
 * Cuts a text into overlapping blocks `[CLS] tokens [SEP]`. The last block holds the rest of the text; an empty text is
 * one block without tokens of its own.
 */
export function toDocumentBlocks(text: string, tokenizer: Tokenizer, caps: BlockCaps): DocumentBlocks {
  const limit = maxTokenisedCharacters(caps);
  const ids = tokenizer.encode(text.length > limit ? text.slice(0, limit) : text);
  const unread = Math.max(0, text.length - limit) * (ids.length / Math.max(1, limit));
  const ownTokens = caps.maxDocumentTokens - 2;
  const starts = blockStarts(ids.length, ownTokens, caps);
  const blocks = starts.map((start) => {
    const own = ids.subarray(start, start + ownTokens);
    return Int32Array.of(tokenizer.openId, ...own, tokenizer.closeId);
  });
  const end = Math.min(ids.length, (starts.at(-1) ?? 0) + ownTokens);
  return { blocks, starts, truncatedTokens: ids.length - end + Math.round(unread) };
}

function blockStarts(tokens: number, ownTokens: number, caps: BlockCaps): number[] {
  const step = Math.max(1, ownTokens - caps.blockOverlapTokens);
  const starts = [0];
  while (starts.length < caps.maxDocumentBlocks && (starts.at(-1) ?? 0) + ownTokens < tokens) {
    starts.push(starts.length * step);
  }
  return starts;
}
