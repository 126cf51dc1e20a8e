/** Queries that measures count. */
import type { Collection } from '../../../engine/laboratory.ts';

/** Queries that count: with a text, and a document that was judged relevant. */
export function judgedQueries({ queries, qrels }: Collection): readonly string[] {
  const isJudged = (judged: ReadonlyMap<string, number>): boolean =>
    [...judged.values()].some((relevance) => relevance > 0);
  return [...qrels].filter(([queryId, judged]) => queries.has(queryId) && isJudged(judged)).map(([id]) => id);
}
