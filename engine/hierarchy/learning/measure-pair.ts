/** Measures towers in training by their own queries. */
import { type EncoderPair, vectorsOf } from './encoder-pair.ts';
import type { MatchList } from './matches.ts';
import { type HierarchyRecall, type MeasuredQuery, recallByDistance } from './recall-by-distance.ts';

/**
 * Recall by distance of some queries over all documents.
 *
 * @param queries - Places of the queries. @defaultValue all
 */
export function measurePair(
  pair: EncoderPair,
  matches: readonly MatchList[],
  queries: readonly number[] = matches.map((_, i) => i),
): HierarchyRecall {
  return recallByDistance(measuredQueries(pair, matches, queries));
}

function* measuredQueries(
  { queries, documents }: EncoderPair,
  matches: readonly MatchList[],
  places: readonly number[],
): Generator<MeasuredQuery<number>> {
  const W = queries.table.shape[1];
  const vectors = vectorsOf(documents, Int32Array.from(documents.bags.keys()));
  for (const place of places) {
    const [vector, list] = [vectorsOf(queries, [place]), matches[place]!];
    const scores = products(vectors, vector, W);
    yield {
      distances: new Map(Array.from(list.documents, (document, i) => [document, list.distances[i]!])),
      rankOf: (document) => rankIn(scores, document),
    };
  }
}

/** Products of a vector with every row. @param rows - `[rows, W]`. */
export function products(rows: Float32Array, vector: Float32Array, W: number): Float32Array {
  const scores = new Float32Array(rows.length / W);
  for (let i = 0; i < scores.length; i += 1) {
    let sum = 0;
    for (let c = 0; c < W; c += 1) sum += vector[c]! * rows[i * W + c]!;
    scores[i] = sum;
  }
  return scores;
}

/** Place from 1, descending; equal scores keep their order. */
export function rankIn(scores: Float32Array, at: number): number {
  const own = scores[at]!;
  let before = 0;
  for (let i = 0; i < scores.length; i += 1) {
    if (scores[i]! > own || (scores[i] === own && i < at)) before += 1;
  }
  return before + 1;
}
