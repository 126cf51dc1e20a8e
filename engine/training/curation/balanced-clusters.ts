/** K-means whose clusters are all of one size. */
import type { Embeddings } from '../../contract.ts';
import { shuffled } from '../../evaluation/random.ts';
import { meanRow, pickRows, rowCount, squaredDistance, viewsOf } from '../../scores/rows.ts';

/** Options of {@link balancedClusters}. */
export interface ClusterOptions {
  /** Rows a cluster, from 1; where they do not come out even, sizes differ by one. */
  readonly size: number;
  /** Numbers in [0, 1) that choose the first centroids. */
  readonly random: () => number;
  /** Rounds after which clusters stay as they are, from 1. @defaultValue 10 */
  readonly maxRounds?: number;
}

/**
 * Balanced K-means: each round gives rows to centroids in order of their distance, nearest pair first, as long as the
 * centroid has room, and moves each centroid to the mean of its rows. Takes 20 bytes for each pair of row and centroid.
 *
 * @returns Each cluster's row indexes.
 */
export function balancedClusters(
  embeddings: Embeddings,
  { size, random, maxRounds = 10 }: ClusterOptions,
): readonly (readonly number[])[] {
  const indexes = Array.from({ length: rowCount(embeddings) }, (_, i) => i);
  const count = Math.max(1, Math.round(indexes.length / size));
  let centroids = pickRows(embeddings, shuffled(indexes, random).slice(0, count));
  let owners: Int32Array = new Int32Array(indexes.length).fill(-1);
  for (let round = 0; round < maxRounds; round += 1) {
    const next = assign(embeddings, centroids);
    const isSame = next.every((owner, i) => owner === owners[i]);
    owners = next;
    if (isSame) break;
    const means = members(owners, count).map((rows) => meanRow(embeddings, rows));
    centroids = { width: embeddings.width, rows: Float32Array.from(means.flatMap((row) => [...row])) };
  }
  return members(owners, count);
}

/** Owner of each row. */
function assign(embeddings: Embeddings, centroids: Embeddings): Int32Array {
  const [rows, count] = [rowCount(embeddings), rowCount(centroids)];
  const distances = new Float32Array(rows * count);
  const targets = viewsOf(centroids);
  for (const [i, row] of viewsOf(embeddings).entries()) {
    for (const [c, centroid] of targets.entries()) distances[i * count + c] = squaredDistance(row, centroid);
  }
  const owners = new Int32Array(rows).fill(-1);
  const sizes = new Int32Array(count);
  const least = Math.floor(rows / count);
  let larger = rows % count;
  for (const pair of inOrder(distances)) {
    const [row, centroid] = [Math.floor(pair / count), pair % count];
    if (owners[row] !== -1 || sizes[centroid]! > least) continue;
    if (sizes[centroid] === least && larger === 0) continue;
    if (sizes[centroid] === least) larger -= 1;
    owners[row] = centroid;
    sizes[centroid]! += 1;
  }
  return owners;
}

/**
 * Indexes in the order of their values, which are at least 0. The bits of such a float32 have its order, so that bits and index
 * make one number, and numbers sort without calls; values that differ by less than 2^-20 of themselves may count as equal.
 */
function inOrder(values: Float32Array): Float64Array {
  const bits = new Uint32Array(values.buffer);
  const room = 2 ** Math.ceil(Math.log2(Math.max(2, values.length)));
  // 31 bits of the value and the index have to fit the 53 of a number.
  const coarse = Math.max(1, (2 ** 31 * room) / 2 ** 53);
  const keys = Float64Array.from(bits, (each, i) => Math.floor(each / coarse) * room + i);
  return keys.sort().map((key) => key % room);
}

function members(owners: Int32Array, count: number): readonly (readonly number[])[] {
  const clusters: number[][] = Array.from({ length: count }, () => []);
  for (const [i, owner] of owners.entries()) clusters[owner]!.push(i);
  return clusters;
}
