/** The blocks of one list, the query's first, and where their rows are. Axes as in encoder-layers.ts. */
import type { BlockCaps } from '../../blocks/caps.ts';
import { toDocumentBlocks } from '../../blocks/document-blocks.ts';
import { toQueryBlock } from '../../blocks/query-block.ts';
import { QueryError } from '../../errors.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import { input, type Value } from '../../graph/value.ts';
import type { Tokenizer } from '../../tokenizer/tokenizer.ts';
import type { TrainingList } from '../trainer/training-list.ts';

/** What tells a graph which rows of the states are what, as inputs; int64. */
export interface ListRows {
  /** The query's anchor, `[1]`. */
  readonly queryAnchor: Value;
  /** The query's own words, `[Q]`. */
  readonly queryTokens: Value;
  /** Anchors of the documents' blocks, `[D]`. */
  readonly anchors: Value;
  /** Tokens of the documents' blocks, `[T]`. */
  readonly tokens: Value;
  /** The block of each token, `[T]`. */
  readonly tokenBlocks: Value;
  /** For each document the numbers of its blocks, `D` where it has fewer than the longest, `['documents', 'most blocks']`. */
  readonly documentBlocks: Value;
}

const prefix = 'rows.';

/** The inputs that {@link toListBlocks} feeds. */
export function listRows(): ListRows {
  const rows = (name: string, ...shape: string[]): Value => input(`${prefix}${name}`, 'int64', shape);
  return {
    queryAnchor: input(`${prefix}queryAnchor`, 'int64', [1]),
    queryTokens: rows('queryTokens', 'Q'),
    anchors: rows('anchors', 'D'),
    tokens: rows('tokens', 'T'),
    tokenBlocks: rows('tokenBlocks', 'T'),
    documentBlocks: rows('documentBlocks', 'documents', 'most blocks'),
  };
}

/** How texts become blocks. */
export interface BlockMaker {
  /** Turns texts into ids. */
  readonly tokenizer: Tokenizer;
  /** What stands before the query's own words. */
  readonly instruction: string;
  /** Token budgets. */
  readonly caps: BlockCaps;
}

/** One list's blocks. */
export interface ListBlocks {
  /** Ids of the query block. */
  readonly query: Int32Array;
  /** Ids of every document's blocks. */
  readonly documents: readonly Int32Array[];
  /** Feeds of {@link listRows}. */
  readonly feeds: Readonly<Record<string, TensorValue>>;
}

/**
 * Where the rows of blocks lie: in one padded batch, or the query's without padding before a padded batch of the documents'.
 */
export type RowLayout = 'one-batch' | 'query-apart';

/** Tokenises a list. @throws QueryError when the query holds no word that the model reads. */
export function toListBlocks(
  list: TrainingList,
  { tokenizer, instruction, caps }: BlockMaker,
  layout: RowLayout = 'one-batch',
): ListBlocks {
  const query = toQueryBlock({ text: list.query }, instruction, tokenizer, caps);
  if (query.own.end === query.own.start)
    throw new QueryError(
      `Cannot train on query "${list.queryId}" of "${list.set}": it holds no word that the model reads.`,
    );
  const byDocument = list.documents.map(({ text }) => toDocumentBlocks(text, tokenizer, caps).blocks);
  const documents = byDocument.flat();
  const longest = Math.max(...documents.map(({ length }) => length));
  const L = layout === 'one-batch' ? Math.max(query.ids.length, longest) : longest;
  const first = layout === 'one-batch' ? L : query.ids.length;
  const rowOf = (d: number): number => first + d * L;
  const feeds = {
    queryAnchor: [0],
    queryTokens: range(query.own.start, query.own.end - query.own.start),
    anchors: documents.map((_, d) => rowOf(d)),
    tokens: documents.flatMap((ids, d) => range(rowOf(d), ids.length)),
    tokenBlocks: documents.flatMap((ids, d) => new Array<number>(ids.length).fill(d)),
  };
  return {
    query: query.ids,
    documents,
    feeds: {
      ...Object.fromEntries(
        Object.entries(feeds).map(([name, rows]) => [`${prefix}${name}`, int64(rows, [rows.length])]),
      ),
      [`${prefix}documentBlocks`]: documentBlocks(byDocument.map(({ length }) => length)),
    },
  };
}

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

const int64 = (values: readonly number[], shape: readonly number[]): TensorValue => ({
  type: 'int64',
  shape,
  data: BigInt64Array.from(values, BigInt),
});

/** Numbers of each document's blocks; the one behind the last stands where a document has fewer than another. */
function documentBlocks(counts: readonly number[]): TensorValue {
  const most = Math.max(...counts);
  const D = counts.reduce((sum, count) => sum + count, 0);
  let first = 0;
  const numbers = counts.flatMap((count) => {
    const own = range(first, most).map((block, b) => (b < count ? block : D));
    first += count;
    return own;
  });
  return int64(numbers, [counts.length, most]);
}
