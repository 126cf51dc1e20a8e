/**
 * Embeddings that need no training. Source: arXiv:2509.16411, algorithm 1: documents are Gaussian directions, and a query is
 * the direction of the sum of its matches' Gaussian vectors.
 */
import { type MatchList, normalNumber } from '../../../engine/laboratory.ts';

type Vectors = readonly (readonly number[])[];

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, c) => sum + value * b[c]!, 0);
const unit = (vector: readonly number[]): number[] => {
  const length = Math.sqrt(dot(vector, vector));
  return vector.map((value) => value / length);
};

export function constructEmbeddings(
  matches: readonly MatchList[],
  { documents, width, random }: { documents: number; width: number; random: () => number },
): { readonly queries: Vectors; readonly documents: Vectors } {
  const drawn = Array.from({ length: documents }, () =>
    Array.from({ length: width }, () => normalNumber(random)),
  );
  const sumOf = (list: MatchList): number[] =>
    drawn[0]!.map((_, c) => list.documents.reduce((sum, document) => sum + drawn[document]![c]!, 0));
  return { queries: matches.map((list) => unit(sumOf(list))), documents: drawn.map(unit) };
}

/** Smallest product of a match less the largest of any other pair, over all queries: above 0 one threshold serves all. */
export function marginOf(
  matches: readonly MatchList[],
  { queries, documents }: { readonly queries: Vectors; readonly documents: Vectors },
): number {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const [i, query] of queries.entries()) {
    const own = new Set(matches[i]!.documents);
    for (const [j, document] of documents.entries()) {
      const product = dot(query, document);
      if (own.has(j)) least = Math.min(least, product);
      else most = Math.max(most, product);
    }
  }
  return least - most;
}
