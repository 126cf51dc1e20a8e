/**
 * Raises how many neighbours a vector search gives. Both servers count and aggregate all neighbours, so a larger `k`
 * changes more than the hits. Where the change would show in other parts of the answer, `k` stays as it is, and a
 * warning says so.
 */
import type { PlanWarning } from '../adapter.ts';
import { isObject, type JsonObject, toList } from '../cluster/json.ts';

/** How far a vector search must reach. */
export interface NeighbourReach {
  /** Hits that are reranked. */
  readonly rankWindowSize: number;
  /** Hits of the page that was asked for: Elasticsearch takes it for `k` where a search names none. */
  readonly pageSize: number;
  /** The parts of the request whose answers depend on all neighbours; see {@link madeOfMatches}. */
  readonly madeOfMatches: readonly string[];
  /** Whether the answer counts the hits. */
  readonly isCounted: boolean;
}

/** The most neighbours that the servers allow: Elasticsearch as `num_candidates`, OpenSearch as `k`. */
const maxNeighbours = 10_000;

/**
 * Names the parts of a request whose answers depend on everything that it matches: facets, `post_filter`,
 * `terminate_after`, and the members of collapsed groups. (Inner hits of nested documents depend on their own document
 * alone, suggestions on the whole index.)
 */
export function madeOfMatches(view: JsonObject): readonly string[] {
  const named = ['aggs', 'aggregations', 'post_filter', 'terminate_after'].filter(
    (name) => view[name] !== undefined && view[name] !== null,
  );
  const { collapse } = view;
  const hasMembers = isObject(collapse) && toList(collapse['inner_hits']).length > 0;
  return hasMembers ? [...named, 'collapse.inner_hits'] : named;
}

/** A vector search with `k` raised to the window, where that changes nothing but the hits. */
export function widenNeighbours(
  knn: JsonObject,
  reach: NeighbourReach,
  warn: (warning: PlanWarning) => void,
): JsonObject {
  const { rankWindowSize } = reach;
  const named = neighboursOf(knn, reach);
  if (named >= rankWindowSize) return knn;
  if (reach.madeOfMatches.length > 0) {
    warn(leftAlone(named, reach));
    // Here the page's size is `k`, so a larger page would raise it: name the `k` that the search has now.
    return knn['k'] === undefined ? { ...knn, k: named } : knn;
  }
  if (reach.isCounted) warn(countsMore(named, reach));
  if (rankWindowSize > maxNeighbours) warn(capped(rankWindowSize));
  return raisedNeighbours(knn, Math.min(rankWindowSize, maxNeighbours));
}

/** Warns of a clause that finds as many neighbours as the page has hits, and takes no number of its own. */
export function warnOfSize(
  { pageSize, depth, isCounted, madeOfMatches: parts }: NeighbourReach & { readonly depth: number },
  warn: (warning: PlanWarning) => void,
): void {
  if (pageSize >= depth || (!isCounted && parts.length === 0)) return;
  const names = [...(isCounted ? ['hits.total'] : []), ...parts].map((name) => `"${name}"`).join(' and ');
  warn({
    code: 'neighbours-counted',
    message: `A "semantic" query over dense vectors finds as many as "size", which is raised from ${pageSize} to ${depth} for reranking: ${names} may be of more hits than the request's. Take a "knn" query with "k" to choose how many.`,
  });
}

/** `k` is how many neighbours come back; `num_candidates`, looked at a shard, may not be below it. */
function raisedNeighbours(knn: JsonObject, wanted: number): JsonObject {
  const wide = raised(knn, 'k', wanted);
  const k = wide['k'];
  return raised(wide, 'num_candidates', typeof k === 'number' ? Math.min(k, maxNeighbours) : wanted);
}

/** How many neighbours the user's own search gives. */
function neighboursOf({ k, num_candidates: candidates }: JsonObject, { pageSize }: NeighbourReach): number {
  if (typeof k === 'number') return k;
  return typeof candidates === 'number' ? Math.min(pageSize, candidates) : pageSize;
}

/**
 * A copy whose number under `key` is raised to a minimum; the object itself where the number is high enough or missing.
 */
export function raised(object: JsonObject, key: string, least: number): JsonObject {
  const value = object[key];
  return typeof value === 'number' && value < least ? { ...object, [key]: least } : object;
}

function leftAlone(k: number, { madeOfMatches: parts, rankWindowSize }: NeighbourReach): PlanWarning {
  const names = parts.map((name) => `"${name}"`).join(' and ');
  return {
    code: 'neighbours-left',
    message: `Only the ${k} nearest neighbours of the vector search are reranked: ${names} would change with more. To rerank rankWindowSize hits (${rankWindowSize}), raise "k" in the request, or ask for ${names} in a search of its own.`,
  };
}

function countsMore(k: number, { rankWindowSize }: NeighbourReach): PlanWarning {
  return {
    code: 'neighbours-counted',
    message: `"hits.total" counts the ${Math.min(rankWindowSize, maxNeighbours)} nearest neighbours that were asked for to be reranked, not the ${k} of the request: set "k" to what the list is to hold, "track_total_hits" to false, or rankWindowSize to "k".`,
  };
}

function capped(rankWindowSize: number): PlanWarning {
  return {
    code: 'num-candidates',
    message: `rankWindowSize ${rankWindowSize} is more than the ${maxNeighbours} that a vector search gives ("k", "num_candidates"): only ${maxNeighbours} neighbours are asked for; lower rankWindowSize.`,
  };
}
