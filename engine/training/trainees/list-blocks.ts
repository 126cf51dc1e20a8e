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
  /** Ids of the blocks of either batch, at least one each. */
  readonly batches: readonly [readonly Int32Array[], readonly Int32Array[]];
  /** Feeds of {@link listRows}, for the rows of both batches one after the other, each padded to its longest block. */
  readonly feeds: Readonly<Record<string, TensorValue>>;
}

/**
 * Which blocks go together in one padded batch: short ones and long ones, parted so that there is least padding; or the
 * query's, and the documents'.
 */
export type BatchLayout = 'by-length' | 'query-apart';

/** Tokenises a list. @throws QueryError when the query holds no word that the model reads. */
export function toListBlocks(
  list: TrainingList,
  { tokenizer, instruction, caps }: BlockMaker,
  layout: BatchLayout = 'by-length',
): ListBlocks {
  const query = toQueryBlock({ text: list.query }, instruction, tokenizer, caps);
  if (query.own.end === query.own.start)
    throw new QueryError(
      `Cannot train on query "${list.queryId}" of "${list.set}": it holds no word that the model reads.`,
    );
  const byDocument = list.documents.map(({ text }) => toDocumentBlocks(text, tokenizer, caps).blocks);
  const documents = byDocument.flat();
  const { batches, firstRows } = inBatches([query.ids, ...documents], layout);
  const [queryRow = 0, ...documentRows] = firstRows;
  const feeds = {
    queryAnchor: [queryRow],
    queryTokens: range(queryRow + query.own.start, query.own.end - query.own.start),
    anchors: documentRows,
    tokens: documents.flatMap((ids, d) => range(documentRows[d]!, ids.length)),
    tokenBlocks: documents.flatMap((ids, d) => new Array<number>(ids.length).fill(d)),
  };
  return {
    batches,
    feeds: {
      ...Object.fromEntries(
        Object.entries(feeds).map(([name, rows]) => [`${prefix}${name}`, int64(rows, [rows.length])]),
      ),
      [`${prefix}documentBlocks`]: documentBlocks(byDocument.map(({ length }) => length)),
    },
  };
}

/** Blocks in two batches, and the row of both batches at which each begins. @param blocks - Two or more, the query's first. */
function inBatches(
  blocks: readonly Int32Array[],
  layout: BatchLayout,
): Pick<ListBlocks, 'batches'> & { readonly firstRows: readonly number[] } {
  const isSecond = layout === 'by-length' ? areLong(blocks) : blocks.map((_, i) => i > 0);
  const batches = [false, true].map((second) => blocks.filter((_, i) => isSecond[i] === second));
  const [first, second] = batches as [Int32Array[], Int32Array[]];
  const lengths = batches.map((batch) => Math.max(...batch.map(({ length }) => length)));
  const next = [0, first.length * lengths[0]!];
  const firstRows = isSecond.map((is) => {
    const row = next[Number(is)]!;
    next[Number(is)] = row + lengths[Number(is)]!;
    return row;
  });
  return { batches: [first, second], firstRows };
}

/** Which of two or more blocks are the long ones, so that both batches together have fewest rows; one at least is of either kind. */
function areLong(blocks: readonly Int32Array[]): boolean[] {
  const ascending = blocks.map((_, i) => i).sort((a, b) => blocks[a]!.length - blocks[b]!.length);
  const lengthAt = (rank: number): number => blocks[ascending[rank]!]!.length;
  const all = blocks.length;
  let best = { short: 1, rows: Number.POSITIVE_INFINITY };
  for (let short = 1; short < all; short += 1) {
    const rows = short * lengthAt(short - 1) + (all - short) * lengthAt(all - 1);
    if (rows < best.rows) best = { short, rows };
  }
  const long = new Set(ascending.slice(best.short));
  return blocks.map((_, i) => long.has(i));
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
