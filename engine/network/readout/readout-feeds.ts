/** What the readout's graph is fed of one list. Axes as in readout-graph.ts. */
import { cast } from '../../graph/operations/index.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import { input } from '../../graph/value.ts';
import type { QueryState } from '../../readout/parameters.ts';
import type { ReadoutStates, TokenHeadStates } from './readout-graph.ts';

/**
 * How the token head is fed: token vectors as float32 or as the bits of halves, its pooled masses as numbers, or not at all.
 */
export type TokenForm = 'float32' | 'float16' | 'pooled' | 'none';

/** The states as inputs of a graph. @param width - Values a vector. */
export function readoutInputs(width: number, tokens: TokenForm): ReadoutStates {
  const head = tokenInputs(width, tokens);
  return {
    queryAnchor: input('queryAnchor', 'float32', [1, width]),
    anchors: input('anchors', 'float32', ['D', width]),
    documentBlocks: input('documentBlocks', 'int64', ['documents', 'B']),
    ...(head && { tokens: head }),
  };
}

function tokenInputs(width: number, form: TokenForm): TokenHeadStates | undefined {
  if (form === 'none') return undefined;
  if (form === 'pooled') return { pooled: input('pooled', 'float32', ['D', 1]) };
  return {
    queryTokens: input('queryTokens', 'float32', ['Q', width]),
    vectors: cast(input('vectors', form, ['T', width]), 'float32'),
    blocks: input('blocks', 'int64', ['T']),
  };
}

/** One list's states, as {@link toReadoutFeeds} reads them. */
export interface ReadoutList {
  /** The query block's. */
  readonly query: Pick<QueryState, 'anchor' | 'tokens' | 'width'>;
  /** One a document: its blocks' lengths and anchors, and its token vectors in the form that is fed. */
  readonly documents: readonly {
    readonly blockTokens: readonly number[];
    readonly anchors: Float32Array;
    readonly tokens?: Float32Array | Uint16Array | undefined;
  }[];
  /** The token head's pooled masses, shape `[D]`, where they are fed. */
  readonly pooled?: Float64Array | undefined;
}

/** Feeds of {@link readoutInputs}. @throws TypeError when the list lacks what the form is fed with. */
export function toReadoutFeeds(list: ReadoutList, tokens: TokenForm): Record<string, TensorValue> {
  const { query, documents } = list;
  const W = query.width;
  const anchors = joinedRows(documents.map((each) => each.anchors));
  return {
    queryAnchor: { type: 'float32', shape: [1, W], data: query.anchor },
    anchors: { type: 'float32', shape: [anchors.length / W, W], data: anchors },
    documentBlocks: documentBlocks(documents.map(({ blockTokens }) => blockTokens.length)),
    ...tokenFeeds(list, tokens),
  };
}

function tokenFeeds({ query, documents, pooled }: ReadoutList, form: TokenForm): Record<string, TensorValue> {
  if (form === 'none') return {};
  if (form === 'pooled') {
    if (!pooled) throw new TypeError('toReadoutFeeds: expected pooled masses, got none.');
    return { pooled: { type: 'float32', shape: [pooled.length, 1], data: Float32Array.from(pooled) } };
  }
  const rows = documents.map(({ tokens }) => {
    if (tokens && tokens instanceof (form === 'float32' ? Float32Array : Uint16Array)) return tokens;
    throw new TypeError(`toReadoutFeeds: expected token vectors as ${form}, got others or none.`);
  });
  const counts = documents.flatMap(({ blockTokens }) => blockTokens);
  const blocks = BigInt64Array.from(counts.flatMap((count, d) => new Array<bigint>(count).fill(BigInt(d))));
  const W = query.width;
  const shape = [blocks.length, W];
  return {
    queryTokens: { type: 'float32', shape: [query.tokens.length / W, W], data: query.tokens },
    vectors:
      form === 'float32'
        ? { type: form, shape, data: joinedRows(rows as Float32Array[]) }
        : { type: form, shape, data: joinedHalves(rows as Uint16Array[]) },
    blocks: { type: 'int64', shape: [blocks.length], data: blocks },
  };
}

const lengthOf = (parts: readonly { readonly length: number }[]): number =>
  parts.reduce((sum, { length }) => sum + length, 0);

function joinedRows(parts: readonly Float32Array[]): Float32Array {
  return joinedInto(new Float32Array(lengthOf(parts)), parts);
}

function joinedHalves(parts: readonly Uint16Array[]): Uint16Array {
  return joinedInto(new Uint16Array(lengthOf(parts)), parts);
}

function joinedInto<Rows extends Float32Array | Uint16Array>(whole: Rows, parts: readonly Rows[]): Rows {
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Numbers of each document's blocks; the one behind the last stands where a document has fewer than another. */
function documentBlocks(counts: readonly number[]): TensorValue {
  const B = Math.max(...counts);
  const D = counts.reduce((sum, count) => sum + count, 0);
  const data = new BigInt64Array(counts.length * B).fill(BigInt(D));
  let block = 0;
  counts.forEach((count, n) => {
    for (let b = 0; b < count; b += 1) data[n * B + b] = BigInt(block++);
  });
  return { type: 'int64', shape: [counts.length, B], data };
}
