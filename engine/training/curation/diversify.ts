/** A small subset that is spread over what there is. */
import type { Embeddings } from '../../contract.ts';
import { meanRow, pickRows, rowAt, rowCount, squaredDistance } from '../../scores/rows.ts';
import { completeLinkage, type Merge } from './complete-linkage.ts';

/** Most rows that are clustered together; their pairs take 64 MiB. */
const maxPartRows = 4096;

/** A subset. */
export interface DiverseSubset {
  /** Indexes of the rows that were chosen, ascending. */
  readonly kept: readonly number[];
  /** All pairs of rows in a cluster are within this distance: the largest one at which there are enough clusters. */
  readonly epsilon: number;
}

/**
 * Clusters rows so that all pairs in a cluster are within `epsilon`, as many clusters as rows are wanted, and takes of each
 * the row nearest to its mean. More than 4,096 rows are first halved, and halved again, across their longest stretch; no
 * cluster then reaches over a cut, and `epsilon` is one for all parts.
 *
 * @param embeddings - Rows that compare by distance, such as those of `reduceRows`.
 * @param count - Rows wanted, at least 1; all of them where there are no more.
 *
 * Source: arXiv:2502.02494, diversification.
 */
export function diversify(embeddings: Embeddings, count: number): DiverseSubset {
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`diversify: expected a count of at least 1, got ${count}.`);
  }
  const total = rowCount(embeddings);
  const all = Array.from({ length: total }, (_, i) => i);
  const merges = parts(embeddings, all)
    .flatMap((rows) => mergesOf(embeddings, rows))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, Math.max(0, total - count));
  const kept = clustersOf(all, merges).map((rows) => central(embeddings, rows));
  return { kept: kept.sort((a, b) => a - b), epsilon: merges.at(-1)?.distance ?? 0 };
}

function mergesOf(embeddings: Embeddings, rows: readonly number[]): Merge[] {
  return completeLinkage(pickRows(embeddings, rows)).map(({ rows: [a, b], distance }) => ({
    rows: [rows[a]!, rows[b]!],
    distance,
  }));
}

/** Rows in parts that are small enough, each cut at the median of the line between two rows far from one another. */
function parts(embeddings: Embeddings, rows: readonly number[]): (readonly number[])[] {
  if (rows.length <= maxPartRows) return [rows];
  const one = rowAt(embeddings, farthest(embeddings, rows, meanRow(embeddings, rows)));
  const other = rowAt(embeddings, farthest(embeddings, rows, one));
  const sorted = rows
    .map((row) => {
      const each = rowAt(embeddings, row);
      return { row, place: squaredDistance(each, one) - squaredDistance(each, other) };
    })
    .sort((a, b) => a.place - b.place)
    .map(({ row }) => row);
  const half = sorted.length >> 1;
  return [...parts(embeddings, sorted.slice(0, half)), ...parts(embeddings, sorted.slice(half))];
}

function farthest(embeddings: Embeddings, rows: readonly number[], from: Float32Array): number {
  return extreme(rows, (row) => -squaredDistance(rowAt(embeddings, row), from));
}

/** The row nearest to the mean of all; the first one of equals. */
function central(embeddings: Embeddings, rows: readonly number[]): number {
  const mean = meanRow(embeddings, rows);
  return extreme(rows, (row) => squaredDistance(rowAt(embeddings, row), mean));
}

/** The row of the least value. */
function extreme(rows: readonly number[], measure: (row: number) => number): number {
  let [found, least] = [rows[0]!, Number.POSITIVE_INFINITY];
  for (const row of rows) {
    const value = measure(row);
    if (value < least) [found, least] = [row, value];
  }
  return found;
}

/** Rows by the cluster that merges put them in. */
function clustersOf(rows: readonly number[], merges: readonly Merge[]): (readonly number[])[] {
  const parents = Int32Array.from(rows);
  const rootOf = (row: number): number => {
    let root = row;
    while (parents[root] !== root) {
      parents[root] = parents[parents[root]!]!;
      root = parents[root]!;
    }
    return root;
  };
  for (const {
    rows: [a, b],
  } of merges)
    parents[rootOf(a)] = rootOf(b);
  const clusters = new Map<number, number[]>();
  for (const row of rows) {
    const root = rootOf(row);
    const own = clusters.get(root);
    if (own) own.push(row);
    else clusters.set(root, [row]);
  }
  return [...clusters.values()];
}
