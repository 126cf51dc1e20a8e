/** Queries to learn from, and queries to measure on. */
import { namedRandom } from './seeds.ts';

/** Queries of two kinds. */
export interface QuerySplit {
  /** To learn from. */
  readonly training: readonly string[];
  /** To measure on. */
  readonly development: readonly string[];
}

/**
 * Splits queries. Queries whose texts have the same words stay together: one would give the other's answer away. A query's
 * side depends on the seed and its words alone, so that a collection that grows keeps the sides of the old ones.
 *
 * @param queries - Texts by id.
 * @param share - Chance of a query to be one to measure on, in [0, 1].
 */
export function splitQueries(
  queries: ReadonlyMap<string, string>,
  { share, seed = 0 }: { readonly share: number; readonly seed?: number },
): QuerySplit {
  const isDevelopment = (text: string): boolean => namedRandom(seed, 'split', sortedWords(text))() < share;
  const ids = [...queries.keys()];
  const development = new Set(ids.filter((queryId) => isDevelopment(queries.get(queryId)!)));
  return { training: ids.filter((queryId) => !development.has(queryId)), development: [...development] };
}

const sortedWords = (text: string): string =>
  [...new Set(text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu))].sort().join(' ');
