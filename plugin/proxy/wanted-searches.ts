/** Decides which searches of a request are to be reranked. */
import { isWanted, toPatterns } from '../middleware/index-patterns.ts';
import type { StageWish } from '../stage/index.ts';
import type { SearchRequest } from './search-request.ts';

/**
 * One boolean for each search, in order: whether the request asks for reranking, or all of the search's indices are
 * named.
 */
export function wantedSearches(
  { searches }: Pick<SearchRequest, 'searches'>,
  indices: readonly string[],
  wish: StageWish | true | undefined,
): readonly boolean[] {
  const patterns = toPatterns(indices);
  return searches.map(({ index }) => isWanted(patterns, wish, index as string | undefined));
}
