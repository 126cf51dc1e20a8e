/** Turns a query's text into the query block. */
import type { Query } from '../contract.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { BlockCaps } from './caps.ts';

/** A query as a model reads it. */
export type AskedQuery = Pick<Query, 'text' | 'instruction'>;

/** The query block. */
export interface QueryBlock {
  /** Ids of `[CLS] instruction query [SEP]`. */
  readonly ids: Int32Array;
  /** The range of the query's own words in the block: first inclusive, last exclusive. */
  readonly own: { readonly start: number; readonly end: number };
  /** Tokens of the query that the cap cut away; an estimate for very long queries. */
  readonly truncatedTokens: number;
}

/** Most characters of a query that are tokenised: a query of 10,000 words is cut, not read. */
const maxQueryCharacters = 8192;

/**
 * Builds the query block. A query without words of its own gives an empty `own` range.
 *
 * @param instruction - The model's own; a query's is read in its place, cut to as many tokens as a query may have, unless
 * the model has none.
 */
export function toQueryBlock(
  { text, instruction: asked }: AskedQuery,
  instruction: string,
  tokenizer: Tokenizer,
  caps: Pick<BlockCaps, 'maxQueryTokens'>,
): QueryBlock {
  const lead =
    asked === undefined || instruction === ''
      ? tokenizer.encode(instruction)
      : tokenizer.encode(asked.slice(0, maxQueryCharacters)).subarray(0, caps.maxQueryTokens);
  const ids = tokenizer.encode(text.slice(0, maxQueryCharacters));
  const own = ids.subarray(0, caps.maxQueryTokens);
  const start = 1 + lead.length;
  const unread = Math.max(0, text.length - maxQueryCharacters) * (ids.length / maxQueryCharacters);
  return {
    ids: Int32Array.of(tokenizer.openId, ...lead, ...own, tokenizer.closeId),
    own: { start, end: start + own.length },
    truncatedTokens: ids.length - own.length + Math.round(unread),
  };
}
