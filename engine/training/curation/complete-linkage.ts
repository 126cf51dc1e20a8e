/** Agglomerative clustering of rows by their farthest pair. */
import type { Embeddings } from '../../contract.ts';
import { rowCount, squaredDistance, viewsOf } from '../../scores/rows.ts';

/** Two clusters that became one. */
export interface Merge {
  /** A row of each of them. */
  readonly rows: readonly [number, number];
  /** Distance of the farthest pair of rows in the new cluster. */
  readonly distance: number;
}

/**
 * All merges of complete linkage, one fewer than the rows, found by chains of nearest neighbours: two clusters that are each
 * other's nearest are merged. No merge is nearer than those that made its clusters, so that the merges up to a distance are
 * the clusters in which all pairs are within it. Takes 4 bytes a pair of rows, and time with the square of the rows.
 *
 * Source: reciprocal agglomerative clustering (arXiv:2105.11653), here on one thread.
 */
export function completeLinkage(embeddings: Embeddings): readonly Merge[] {
  const count = rowCount(embeddings);
  const distances = pairDistances(embeddings);
  const alive = new Set(Array(count).keys());
  const merges: Merge[] = [];
  const chain: number[] = [];
  while (alive.size > 1) {
    if (chain.length === 0) chain.push(first(alive));
    const last = chain.at(-1)!;
    const before = chain.at(-2);
    const next = nearest({ distances, count }, last, { alive, before });
    if (next !== before) {
      chain.push(next);
      continue;
    }
    chain.length -= 2;
    merges.push({ rows: [last, next], distance: Math.sqrt(distances[last * count + next]!) });
    // The cluster of both is kept under `next`; its distance to another is that of the farther of the two.
    alive.delete(last);
    for (const other of alive) {
      const farther = Math.max(distances[last * count + other]!, distances[next * count + other]!);
      distances[next * count + other] = farther;
      distances[other * count + next] = farther;
    }
  }
  return merges;
}

/** Squared distances, shape `[rows, rows]`. */
function pairDistances(embeddings: Embeddings): Float32Array {
  const count = rowCount(embeddings);
  const distances = new Float32Array(count * count);
  const rows = viewsOf(embeddings);
  for (const [i, row] of rows.entries()) {
    for (let j = 0; j < i; j += 1) {
      const distance = squaredDistance(row, rows[j]!);
      distances[i * count + j] = distance;
      distances[j * count + i] = distance;
    }
  }
  return distances;
}

/** The nearest living cluster; the one before in the chain where it is as near, so that chains end. */
function nearest(
  { distances, count }: { readonly distances: Float32Array; readonly count: number },
  from: number,
  { alive, before }: { readonly alive: ReadonlySet<number>; readonly before: number | undefined },
): number {
  let found = before;
  let least = before === undefined ? Number.POSITIVE_INFINITY : distances[from * count + before]!;
  for (const other of alive) {
    const distance = distances[from * count + other]!;
    if (other === from || distance >= least) continue;
    [found, least] = [other, distance];
  }
  return found ?? from;
}

const first = (values: ReadonlySet<number>): number => values.values().next().value!;
