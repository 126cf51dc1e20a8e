/** Which documents a query is to find, and how far above it each stands. */

/** The documents of one query. */
export interface MatchList {
  /** Places in the list of documents. */
  readonly documents: Int32Array;
  /** Steps from the query up to each, from 0; the fewest where several ways lead there. */
  readonly distances: Int32Array;
}

/** Pairs of a query and a document, as places in two lists. */
export interface MatchPairs {
  /** Places of queries. */
  readonly queries: Int32Array;
  /** Places of documents. */
  readonly documents: Int32Array;
}

/**
 * Every pair of some queries whose distance is at least the given one, in the queries' order.
 *
 * @param queries - Places of queries that count. @defaultValue all
 */
export function pairsFrom(
  matches: readonly MatchList[],
  least: number,
  queries: readonly number[] = matches.map((_, i) => i),
): MatchPairs {
  const found: [number, number][] = [];
  for (const query of queries) {
    const { documents, distances } = matches[query]!;
    for (let i = 0; i < documents.length; i += 1) {
      if (distances[i]! >= least) found.push([query, documents[i]!]);
    }
  }
  return {
    queries: Int32Array.from(found, ([query]) => query),
    documents: Int32Array.from(found, ([, document]) => document),
  };
}
