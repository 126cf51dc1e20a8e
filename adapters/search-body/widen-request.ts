/** Raises the limits inside a request that are too small to fill the window. */
import type { PlanWarning } from '../adapter.ts';
import { isObject, type JsonObject, mapEntries, mapProperties } from '../cluster/json.ts';
import { childQueries } from './clauses.ts';
import { type NeighbourReach, raised, warnOfSize, widenNeighbours } from './widen-neighbours.ts';

/** How far the limits must reach. */
export interface Reach extends NeighbourReach {
  /** Hits that the search must be able to fetch. */
  readonly depth: number;
}

/** What must change in a request. */
export interface Widened {
  /** New values of the request's properties; empty when no limit was too small. */
  readonly changes: JsonObject;
  /** Hits that the outermost retriever gives at most; absent when nothing limits it. */
  readonly listSize?: number;
  /** Limits that the server caps. */
  readonly warnings: readonly PlanWarning[];
}

/** Retrievers with a window of their own, which must not be smaller than the page. */
const windowed = new Set(['rrf', 'linear', 'text_similarity_reranker', 'rule', 'pinned', 'diversify']);

/** New values for `query`, `knn`, `retriever` and `rank`, where a limit in them is below the window. */
export function widenRequest(view: JsonObject, reach: Reach): Widened {
  const warnings = new Map<string, PlanWarning>();
  const widen = widener(reach, ({ code, message }) => warnings.set(code, { code, message }));
  const { query, knn, retriever, rank } = view;
  const wide = {
    query: widen.query(query),
    knn: mapEntries(knn, widen.neighbours),
    retriever: widen.retriever(retriever),
    rank: isObject(rank) ? mapProperties(rank, widen.window) : rank,
  };
  const listSize = listSizeOf(wide.retriever) ?? listSizeOf(wide.rank);
  return {
    changes: Object.fromEntries(Object.entries(wide).filter(([key, value]) => value !== view[key])),
    ...(listSize !== undefined && { listSize }),
    warnings: [...warnings.values()],
  };
}

interface Widener {
  readonly query: (query: unknown) => unknown;
  readonly neighbours: (knn: unknown) => unknown;
  readonly retriever: (retriever: unknown) => unknown;
  readonly window: (value: unknown) => unknown;
}

function widener(reach: Reach, warn: (warning: PlanWarning) => void): Widener {
  const neighbours = (knn: unknown): unknown => (isObject(knn) ? widenNeighbours(knn, reach, warn) : knn);
  const byField = (value: JsonObject): JsonObject =>
    mapProperties(value, (field) =>
      isObject(field) && field['k'] !== undefined ? neighbours(field) : field,
    );
  const clause = (value: unknown, name: string): unknown => {
    if (!isObject(value)) return value;
    if (name === 'knn') return typeof value['field'] === 'string' ? neighbours(value) : byField(value);
    if (name === 'neural') return byField(value);
    if (name === 'semantic') warnOfSize(reach, warn);
    const children = Object.hasOwn(childQueries, name) ? childQueries[name]! : [];
    const inner = mapProperties(value, (child, key) =>
      children.includes(key) ? mapEntries(child, query) : child,
    );
    return name === 'hybrid' ? raised(inner, 'pagination_depth', reach.depth) : inner;
  };
  const query = (value: unknown): unknown => (isObject(value) ? mapProperties(value, clause) : value);
  const window = (value: unknown): unknown => (isObject(value) ? widenWindow(value, reach) : value);
  const retriever = (value: unknown): unknown =>
    isObject(value)
      ? mapProperties(value, (entry, name) => (isObject(entry) ? one(entry, name) : entry))
      : value;
  const listed = (entry: unknown): unknown =>
    isObject(entry) && isObject(entry['retriever'])
      ? mapProperties(entry, (value, key) => (key === 'retriever' ? retriever(value) : value))
      : retriever(entry);
  const one = (entry: JsonObject, name: string): unknown => {
    const inner = mapProperties(entry, (value, key) => {
      if (key === 'query') return query(value);
      if (key === 'retriever') return retriever(value);
      return key === 'retrievers' ? mapEntries(value, listed) : value;
    });
    if (name === 'knn') return neighbours(inner);
    if (name === 'rescorer') return widenRescorer(inner, reach, warn);
    return windowed.has(name) ? window(inner) : inner;
  };
  return { query, neighbours, retriever, window };
}

/**
 * Without `rank_window_size` the server takes 10 or the page's size, by version; a fixed size keeps the pages of one
 * list consistent.
 */
function widenWindow(retriever: JsonObject, { rankWindowSize, pageSize }: Reach): JsonObject {
  if (retriever['rank_window_size'] === undefined) {
    return { ...retriever, rank_window_size: Math.max(rankWindowSize, pageSize) };
  }
  return raised(retriever, 'rank_window_size', rankWindowSize);
}

/** Elasticsearch refuses a rescorer retriever whose window is smaller than what is fetched. */
function widenRescorer(
  retriever: JsonObject,
  { depth }: Reach,
  warn: (warning: PlanWarning) => void,
): JsonObject {
  const widened = mapProperties(retriever, (value, key) =>
    key === 'rescore'
      ? mapEntries(value, (entry) => (isObject(entry) ? raised(entry, 'window_size', depth) : entry))
      : value,
  );
  if (widened !== retriever) {
    warn({
      code: 'rescore-window',
      message: `The "rescorer" retriever must rescore everything that is fetched: its "window_size" is raised to ${depth}; lower rankWindowSize to rescore less.`,
    });
  }
  return widened;
}

function listSizeOf(tree: unknown): number | undefined {
  if (!isObject(tree)) return undefined;
  for (const value of Object.values(tree)) {
    if (isObject(value) && typeof value['rank_window_size'] === 'number') return value['rank_window_size'];
  }
  return undefined;
}
