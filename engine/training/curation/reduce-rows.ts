/** Fewer dimensions for embeddings that are to be compared with one another. */
import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { Embeddings } from '../../contract.ts';
import { meanRow, pickRows, rowAt, rowCount, unitRows } from '../../scores/rows.ts';

/** Most rows that the components are fitted to, evenly taken. */
const fittedRows = 5000;

/**
 * Rows turned to their principal components, largest first, each row then of length 1. Embeddings that are no wider than
 * that are centred and turned as well, so that any two embeddings are treated alike.
 *
 * @param components - Dimensions that stay. @defaultValue 64
 * @returns Embeddings of `components` dimensions, or of their own width where that is smaller.
 *
 * Source: arXiv:2502.02494, section on preprocessing (64 components, then length 1).
 */
export function reduceRows(embeddings: Embeddings, components = 64): Embeddings {
  const count = rowCount(embeddings);
  const kept = Math.min(components, embeddings.width);
  const every = Math.max(1, Math.ceil(count / fittedRows));
  const sample = pickRows(
    embeddings,
    Array.from({ length: Math.ceil(count / every) }, (_, i) => i * every),
  );
  const mean = meanRow(sample, Array(rowCount(sample)).keys());
  const centred = sample.rows.map((value, i) => value - mean[i % sample.width]!);
  const spread = Matrix.from1DArray(rowCount(sample), sample.width, centred).gram();
  const { eigenvectorMatrix } = new EigenvalueDecomposition(spread, { assumeSymmetric: true });
  // Eigenvalues come in ascending order.
  const axes = Array.from({ length: kept }, (_, k) =>
    Float32Array.from(eigenvectorMatrix.getColumn(embeddings.width - 1 - k)),
  );
  const rows = new Float32Array(count * kept);
  for (let i = 0; i < count; i += 1) {
    const row = rowAt(embeddings, i).map((value, k) => value - mean[k]!);
    for (const [k, axis] of axes.entries()) {
      let product = 0;
      for (let j = 0; j < axis.length; j += 1) product += axis[j]! * row[j]!;
      rows[i * kept + k] = product;
    }
  }
  return unitRows({ width: kept, rows });
}
