/** What Elasticsearch and OpenSearch have in common: the search API's requests and responses. */

export { toFirstStageError } from '../cluster/errors.ts';
export { isObject, type JsonObject } from '../cluster/json.ts';
export type { StoredStates } from '../stored-states/places.ts';
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
export { searchReader } from './search-reader.ts';
export { sidecarReader } from './sidecar-states.ts';
