/** What the inputs of a packed graph are fed. Axes: see `packed-decoder.ts`. */
import type { TensorValue } from '../../graph/tensor.ts';
import type { DecoderConfig } from '../decoder-config.ts';
import { type Rotations, rotations } from '../rope.ts';
import type { PackedForm } from './packed-form.ts';
import { bucketOf, named, queryOf } from './packed-inputs.ts';
import type { Bucket, PackedLayout, PackedList } from './packed-layout.ts';

type Feeds = Record<string, TensorValue>;

const int32 = (data: Int32Array, shape: readonly number[] = [data.length]): TensorValue => ({
  type: 'int32',
  shape,
  data,
});
const int64 = (value: number): TensorValue => ({
  type: 'int64',
  shape: [1],
  data: BigInt64Array.of(BigInt(value)),
});
const float32 = (data: Float32Array, shape: readonly number[]): TensorValue => ({
  type: 'float32',
  shape,
  data,
});

/** What a list is read for. */
export interface PackedRun {
  /** How a layout was made of it. */
  readonly form: PackedForm;
  /** The list's layout. */
  readonly layout: PackedLayout;
  /** Places of the signal tokens in the first query block; ascending. */
  readonly signals?: readonly number[];
  /** Places in the first query block after which a token of the completion comes. */
  readonly completion?: readonly number[];
}

/** Feeds of a list; a graph takes those that it has inputs for. */
export function toPackedFeeds(list: PackedList, run: PackedRun, config: DecoderConfig): Feeds {
  const { form, layout, signals = [], completion = [] } = run;
  const { seen, size } = layout;
  const group = config.heads / config.keyValueHeads;
  const feeds: Feeds = {
    ...tokenFeeds(list, run, config),
    endInstruction: int64(size.instruction),
    startQueries: int64(seen),
    signals: int32(Int32Array.from(signals, (place) => seen + place)),
    completion: int32(Int32Array.from(completion, (place) => seen + place)),
  };
  if (form.context === 'causal') {
    Object.assign(feeds, lengthFeeds('sequence', [seen], seen), maskFeeds('sequence', group, seen, form));
  } else Object.assign(feeds, blockFeeds(run, group));
  let start = seen;
  size.queries.forEach((count, query) => {
    const block = queryOf(query);
    Object.assign(feeds, lengthFeeds(block, [seen + count], seen + count), maskFeeds(block, group, count));
    feeds[named(block, 'start')] = int64(start);
    start += count;
    feeds[named(block, 'end')] = int64(start);
    feeds[named(block, 'weights')] = meanFeed(group, count);
  });
  return feeds;
}

/** Ids, and where each token stands in the rotations: first the blocks' positions from 0 on, then the query blocks'. */
function tokenFeeds(
  { instruction, documents, queries, queryPosition }: PackedList,
  { form, layout }: PackedRun,
  config: DecoderConfig,
): Feeds {
  const { order, tokens, seen, size } = layout;
  const ids = new Int32Array(tokens);
  const places = new Int32Array(tokens);
  let at = 0;
  const put = (block: Int32Array, place: number): void => {
    ids.set(block, at);
    for (let j = 0; j < block.length; j += 1) places[at + j] = place + j;
    at += block.length;
  };
  put(instruction, 0);
  const isCausal = form.context === 'causal';
  for (const index of order) put(documents[index]!, isCausal ? at : instruction.length);
  const blockRows = isCausal ? seen : instruction.length + Math.max(0, ...size.documents);
  for (const query of queries) put(query, blockRows);
  const { rope, headSize } = config;
  const turns = [
    rotations(rope, headSize, 0, blockRows),
    rotations(rope, headSize, queryPosition, Math.max(...size.queries)),
  ];
  return { ids: int32(ids), places: int32(places), cos: joined(turns, 'cos'), sin: joined(turns, 'sin') };
}

function joined(turns: readonly Rotations[], part: 'cos' | 'sin'): TensorValue {
  const rows = turns.map((each) => each[part]);
  const data = new Float32Array(rows.reduce((sum, each) => sum + each.data.length, 0));
  let at = 0;
  for (const each of rows) {
    data.set(each.data as Float32Array, at);
    at += each.data.length;
  }
  const pairs = rows[0]!.shape[1]!;
  return float32(data, [data.length / pairs, pairs]);
}

/** Rows of the buckets' sequences, and where each token's row is among what all blocks give. */
function blockFeeds({ form, layout }: PackedRun, group: number): Feeds {
  const { order, size, seen, tokens } = layout;
  const repeated = form.attention === 'fused' ? size.instruction : 0;
  const feeds: Feeds = maskFeeds('instruction', group, size.instruction, form);
  const back = new Int32Array(tokens);
  for (let j = 0; j < size.instruction; j += 1) back[j] = j;
  let row = size.instruction; // of the list
  let base = form.attention === 'fused' ? 0 : size.instruction; // of what the blocks give
  for (let b = 0; b < form.buckets; b += 1) {
    const block = bucketOf(b);
    const bucket = layout.buckets[b] ?? nobody;
    const width = repeated + bucket.longest;
    const counts = order.slice(bucket.from, bucket.to).map((index) => size.documents[index]!);
    const sequences = bucket === nobody ? [0] : counts;
    const index = new Int32Array(sequences.length * width);
    sequences.forEach((count, n) => {
      for (let j = 0; j < repeated; j += 1) index[n * width + j] = j;
      for (let j = 0; j < count; j += 1) {
        const place = n * width + repeated + j;
        index[place] = row + j;
        back[row + j] = base + place;
      }
      row += count;
    });
    base += sequences.length * width;
    feeds[named(block, 'index')] = int32(index, [sequences.length, width]);
    const lengths = sequences.map((count) => repeated + Math.max(count, 1));
    Object.assign(feeds, lengthFeeds(block, lengths, width), maskFeeds(block, group, width, form));
  }
  for (let j = seen; j < tokens; j += 1) back[j] = base + j - seen;
  return { ...feeds, back: int32(back) };
}

/** What a bucket without documents reads: the first token, whose result nobody looks at. */
const nobody: Bucket = { from: 0, to: 0, longest: 1 };

function lengthFeeds(block: string, lengths: readonly number[], longest: number): Feeds {
  return {
    [named(block, 'lastPlaces')]: int32(Int32Array.from(lengths, (length) => length - 1)),
    [named(block, 'longest')]: int32(Int32Array.of(longest), []),
  };
}

/** Places of rows, which are grouped by key head, and of columns. Only products are masked so. */
function maskFeeds(block: string, group: number, length: number, form?: PackedForm): Feeds {
  if (form?.attention === 'fused') return {};
  const rows = Float32Array.from({ length: group * length }, (_, row) => row % length);
  const columns = Float32Array.from({ length }, (_, column) => column);
  return {
    [named(block, 'rows')]: float32(rows, [rows.length, 1]),
    [named(block, 'columns')]: float32(columns, [1, length]),
  };
}

/** Weights that give each head of a group the mean over a query block's tokens. */
function meanFeed(group: number, length: number): TensorValue {
  const weights = new Float32Array(group * group * length);
  for (let head = 0; head < group; head += 1) {
    const from = head * group * length + head * length;
    weights.fill(1 / length, from, from + length);
  }
  return float32(weights, [group, group * length]);
}
