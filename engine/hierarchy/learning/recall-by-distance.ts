/** Recall by the distance between a query and what it is to find: the measure of a hierarchy, for any retriever. */

/** One query, what it is to find, and where a retriever put that. */
export interface MeasuredQuery<Document> {
  /** Distance of each document that is to be found. */
  readonly distances: ReadonlyMap<Document, number>;
  /** Place of a document in the retriever's order, from 1; Infinity where it is not there. */
  rankOf(document: Document): number;
}

/** Recall at one distance. */
export interface DistanceRecall {
  /** Steps from the query up to the document. */
  readonly distance: number;
  /** Pairs of a query and a document so far apart. */
  readonly pairs: number;
  /** Share of them that was found. */
  readonly recall: number;
}

/** Recall of one retriever. */
export interface HierarchyRecall {
  /** Queries. */
  readonly queries: number;
  /** Pairs. */
  readonly pairs: number;
  /** Share of all pairs that was found. */
  readonly overall: number;
  /** The smallest recall of any distance: what an average hides. */
  readonly least: number;
  /** By distance, near ones first; distances without pairs are left out. */
  readonly byDistance: readonly DistanceRecall[];
}

/**
 * Shares of pairs that a retriever finds. A pair is found when the document is among the query's first n, n being how
 * many documents the query is to find, or the cutoff.
 *
 * Source: arXiv:2509.16411, section 5.
 *
 * @throws RangeError without a pair.
 */
export function recallByDistance<Document>(
  queries: Iterable<MeasuredQuery<Document>>,
  { cutoff }: { readonly cutoff?: number | undefined } = {},
): HierarchyRecall {
  const counts = new Map<number, { pairs: number; found: number }>();
  let count = 0;
  for (const { distances, rankOf } of queries) {
    count += 1;
    const last = cutoff ?? distances.size;
    for (const [document, distance] of distances) {
      const at = counts.get(distance) ?? { pairs: 0, found: 0 };
      counts.set(distance, { pairs: at.pairs + 1, found: at.found + (rankOf(document) <= last ? 1 : 0) });
    }
  }
  const byDistance = [...counts]
    .sort(([a], [b]) => a - b)
    .map(([distance, { pairs, found }]) => ({ distance, pairs, recall: found / pairs }));
  if (byDistance.length === 0)
    throw new RangeError('recallByDistance: expected a query with a document, got none.');
  const pairs = byDistance.reduce((sum, each) => sum + each.pairs, 0);
  const overall = byDistance.reduce((sum, each) => sum + each.recall * each.pairs, 0) / pairs;
  return {
    queries: count,
    pairs,
    overall,
    least: Math.min(...byDistance.map(({ recall }) => recall)),
    byDistance,
  };
}
