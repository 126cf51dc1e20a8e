/** Takes slots for a request's searches. */
import type { ProxyAdapter, WireSearch } from './proxy-adapter.ts';
import type { SearchParts, SearchRun } from './search-run.ts';

/** Takes a slot for each search that is to be reranked. @returns `false` when too few slots are free. */
export function takeSlots(
  { adapter, slots }: Pick<SearchParts, 'adapter' | 'slots'>,
  run: SearchRun,
): boolean {
  const wanted = run.search.searches.filter((_, i) => run.wanted[i]);
  const leave = slots.take(wanted.length);
  if (leave) run.leave = leave;
  return leave !== undefined || !wanted.some((search) => isReranked(adapter, search, run));
}

/** Whether the stage would rerank a search; a page beyond its window counts as reranked. */
function isReranked(adapter: ProxyAdapter, search: WireSearch, { wish }: SearchRun): boolean {
  const { rankWindowSize = Number.MAX_SAFE_INTEGER, queryText } = wish;
  const plan = adapter.plan(search, { rankWindowSize, ...(queryText !== undefined && { queryText }) });
  return plan.reason === undefined;
}
