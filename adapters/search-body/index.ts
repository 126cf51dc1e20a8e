/** What Elasticsearch and OpenSearch have in common: the search API's requests and responses. */
export type { StoredStates } from '../states/places.ts';
export { toFirstStageError } from './errors.ts';
export { isObject, type JsonObject } from './json.ts';
export type { SearchLines } from './multi-search.ts';
export {
  defaultMaxResultWindow,
  type SearchBodyOptions,
  type SearchHit,
  searchBodySettings,
} from './options.ts';
export type { MarkedHit, MarkedResponse } from './outcome.ts';
export { findQueryText, type QueryTextOption } from './query-text.ts';
export { type ClientCalls, searchAdapter } from './search-adapter.ts';
export { sidecarReader } from './sidecar-states.ts';
