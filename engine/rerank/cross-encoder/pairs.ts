/** A cross-encoder's input: `[CLS] query [SEP] document [SEP]`. Axes: `B` pairs, `T` tokens of the longest. */
import type { TensorValue } from '../../graph/tensor.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';

/** Token budgets of a pair. */
export interface CrossEncoderCaps {
  /** Of the query. */
  readonly maxQueryTokens: number;
  /** Of the document; what is longer is cut. */
  readonly maxDocumentTokens: number;
}

/** One query and one document. */
export interface Pair {
  /** Ids of the pair's tokens. */
  readonly ids: Int32Array;
  /** Index of the first token of the document. */
  readonly documentStart: number;
  /** Tokens of the document that were cut away; an estimate for very long documents. */
  readonly truncatedTokens: number;
}

/** A document of more characters a token is cut before it is tokenised. */
const charactersPerToken = 64;

/** Makes the pair of a query's ids and a document. */
export function toPair(query: Int32Array, text: string, tokenizer: Tokenizer, caps: CrossEncoderCaps): Pair {
  const most = caps.maxDocumentTokens * charactersPerToken;
  const ids = tokenizer.encode(text.slice(0, most));
  const own = ids.subarray(0, caps.maxDocumentTokens);
  const unread = Math.max(0, text.length - most) * (ids.length / most);
  const { openId, closeId } = tokenizer;
  return {
    ids: Int32Array.of(openId, ...query, closeId, ...own, closeId),
    documentStart: query.length + 2,
    truncatedTokens: ids.length - own.length + Math.round(unread),
  };
}

/** Feeds of shape `[B, T]`, int64: shorter pairs are filled up, and not attended to there. */
export function toPairFeeds(pairs: readonly Pair[], padId: number): Readonly<Record<string, TensorValue>> {
  const longest = pairs.reduce((most, { ids }) => Math.max(most, ids.length), 0);
  const shape = [pairs.length, longest];
  const ids = new BigInt64Array(pairs.length * longest).fill(BigInt(padId));
  const mask = new BigInt64Array(pairs.length * longest);
  const types = new BigInt64Array(pairs.length * longest);
  for (const [b, pair] of pairs.entries()) {
    pair.ids.forEach((id, t) => {
      ids[b * longest + t] = BigInt(id);
    });
    mask.fill(1n, b * longest, b * longest + pair.ids.length);
    types.fill(1n, b * longest + pair.documentStart, b * longest + pair.ids.length);
  }
  return {
    input_ids: { type: 'int64', shape, data: ids },
    attention_mask: { type: 'int64', shape, data: mask },
    token_type_ids: { type: 'int64', shape, data: types },
  };
}
