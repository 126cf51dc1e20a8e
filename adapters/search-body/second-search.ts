/** The second search of a list: by a vector, on behalf of the same request, and its hits among those of the first. */
import type { MergedSearch, Plan, SecondSearchCall, SecondSearchReason } from '../adapter.ts';
import type { JsonObject } from '../cluster/json.ts';
import { type StoredStates, stateFieldOf } from '../stored-states/places.ts';
import type { SearchBodySettings, SearchHit } from './options.ts';
import { viewOf, withChanges } from './request-view.ts';
import { collapses, restrictionOf } from './restriction.ts';
import { hitListOf, hitsOf } from './shortlist.ts';

/** The most neighbours that a shard looks at: the bound of both servers. */
const maxNeighbours = 10_000;
/** Candidates that a shard of Elasticsearch looks at for each neighbour that is wanted. */
const candidatesANeighbour = 2;

/**
 * What finds hits, and what is told of all of them, by words or by the page; everything else of a request stays: where
 * it searches, with which routing, and which fields come with a hit.
 */
const firstSearchAlone = [
  ...['q', 'df', 'analyzer', 'analyze_wildcard', 'default_operator', 'lenient'],
  ...['query', 'knn', 'retriever', 'rank', 'post_filter', 'rescore', 'min_score', 'indices_boost'],
  ...['aggs', 'aggregations', 'suggest', 'suggest_field', 'suggest_mode', 'suggest_size', 'suggest_text'],
  ...[
    'highlight',
    'collapse',
    'sort',
    'from',
    'terminate_after',
    'track_scores',
    'track_total_hits',
    'profile',
  ],
];

/** The field that holds anchors as vectors, where a build or the user has stored some. */
export function vectorFieldOf(states: StoredStates | undefined): string | undefined {
  if (states?.kind === 'vector') return states.field;
  return states?.kind === 'field' && states.vector ? `${stateFieldOf(states)}.vector` : undefined;
}

/** Plans the second search of a request, or says why there can be none. Pure. */
export function planSecondSearch<Request extends object>(
  plan: Plan<Request>,
  wanted: SecondSearchCall,
  settings: SearchBodySettings,
): Plan<Request> | SecondSearchReason {
  const { layout, text, adapter, maxResultWindow } = settings;
  const view = viewOf(plan.original, layout) ?? {};
  if (collapses(view)) return 'collapse';
  const filters = restrictionOf(view, { text: plan.query?.text ?? '', fields: text.fields });
  if (!filters) return 'unknown-restriction';
  const size = Math.min(wanted.k, maxResultWindow);
  const changes = {
    ...Object.fromEntries(firstSearchAlone.map((key) => [key, undefined])),
    ...nearest(wanted, filters, adapter),
    size,
  };
  const request = withChanges(plan.request as JsonObject, changes, layout) as Request;
  const page = { from: 0, size };
  return { ...plan, request, page, rankWindowSize: size, warnings: [], isSecondSearch: true };
}

/** The search by a vector, in the server's own grammar. */
function nearest(
  { field, vector, k }: SecondSearchCall,
  filters: readonly JsonObject[],
  server: string,
): JsonObject {
  const filter = filters.length > 1 ? { bool: { filter: filters } } : filters[0];
  const restricted = filter ? { filter } : {};
  if (server !== 'elasticsearch') return { query: { knn: { [field]: { vector, k, ...restricted } } } };
  const candidates = Math.min(maxNeighbours, candidatesANeighbour * k);
  return { knn: { field, query_vector: vector, k, num_candidates: candidates, ...restricted } };
}

/** A merged response, and which of the second search's hits are in it. */
export interface MergedHits<Request, Response> extends MergedSearch<Request, Response> {
  /** 0-based indices of the added hits among those of the second search, ascending. */
  readonly addedIndices: readonly number[];
}

/** Puts the second search's new hits behind the window of the first. */
export function mergeSecondSearch<Request extends object, Response>(
  plan: Plan<Request>,
  response: Response,
  second: Response,
  { adapter }: Pick<SearchBodySettings, 'adapter'>,
): MergedHits<Request, Response> {
  const hits = hitsOf(response, adapter);
  const known = new Set(hits.map(nameOf));
  const found = hitsOf(second, adapter);
  const addedIndices = found.flatMap((hit, i) => (known.has(nameOf(hit)) ? [] : [i]));
  const added = addedIndices.map((i) => found[i]!);
  const window = hits.slice(0, plan.rankWindowSize);
  const whole = [...window, ...added, ...hits.slice(window.length)];
  return {
    plan: { ...plan, rankWindowSize: window.length + added.length, addedHits: added.length },
    response: withHits(response, whole, adapter),
    added: withHits(second, added, adapter),
    found: found.length,
    addedIndices,
  };
}

/** Names a hit's document: indices may share ids, and documents of one index too, under different routings. */
function nameOf({ _index, _id, _routing }: SearchHit): string {
  return JSON.stringify([_index, _id, _routing]);
}

function withHits<Response>(response: Response, hits: readonly SearchHit[], adapter: string): Response {
  const list = hitListOf(response, adapter);
  return { ...(response as JsonObject), hits: { ...list, hits } } as Response;
}
