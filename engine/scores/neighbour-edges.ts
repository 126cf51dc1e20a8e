/** Edges between documents that are alike. */
import type { Embeddings } from '../contract.ts';
import { dotRows } from '../readout/vectors.ts';
import { rowCount, unitRows } from './rows.ts';

/**
 * Cosines of documents that are among each other's nearest: one of the two among the nearest of the other is enough. All
 * other entries are 0, also negative cosines, the diagonal, and rows without a direction.
 *
 * @param neighbours - Nearest documents of each one, a whole number, at least 1.
 * @returns Row-major, shape `[documents, documents]`, symmetric.
 */
export function neighbourEdges(embeddings: Embeddings, neighbours: number): Float64Array {
  const { width, rows } = unitRows(embeddings);
  const count = rowCount(embeddings);
  const cosines = new Float64Array(count * count);
  for (let i = 0; i < count; i += 1) {
    for (let j = 0; j < i; j += 1) {
      const cosine = dotRows({ rows, row: i }, { rows, row: j }, width);
      // A row that is no number is near nothing.
      const edge = Number.isFinite(cosine) ? Math.max(cosine, 0) : 0;
      cosines[i * count + j] = edge;
      cosines[j * count + i] = edge;
    }
  }
  return nearestOnly(cosines, count, neighbours);
}

function nearestOnly(cosines: Float64Array, count: number, neighbours: number): Float64Array {
  const kept = new Float64Array(cosines.length);
  for (let i = 0; i < count; i += 1) {
    const row = cosines.subarray(i * count, (i + 1) * count);
    const nearest = [...row.keys()].sort((a, b) => row[b]! - row[a]! || a - b).slice(0, neighbours);
    for (const j of nearest) {
      kept[i * count + j] = row[j]!;
      kept[j * count + i] = row[j]!;
    }
  }
  return kept;
}
