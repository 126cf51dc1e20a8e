/** What Elasticsearch and OpenSearch have in common: the search API's requests and responses. */

export { toFirstStageError } from '../cluster/errors.ts';
export { isObject, type JsonObject, listedIn, without } from '../cluster/json.ts';
export { elementsOf, membersOf, startOfValue, toBytes } from '../cluster/json-text.ts';
export { type ClientCall, endedBy } from '../cluster/own-signal.ts';
export { type ReadObject, readObject } from '../cluster/read-object.ts';
export { respell, Spelled } from '../cluster/respell.ts';
export type { ApartField } from '../fields-apart.ts';
export type { StoredStates } from '../stored-states/places.ts';
export { filterSource, toPattern } from './filter-source.ts';
export type { SearchLines } from './multi-search.ts';
export {
  defaultMaxResultWindow,
  type SearchBodyOptions,
  type SearchHit,
  searchBodySettings,
} from './options.ts';
export type { MarkedHit, MarkedResponse } from './outcome.ts';
export { findQueryText, type QueryTextOption } from './query-text.ts';
export { withAddressSource } from './request-view.ts';
export { type ClientCalls, searchAdapter } from './search-adapter.ts';
export { type SearchBodyReader, searchReader } from './search-reader.ts';
export { sidecarReader } from './sidecar-states.ts';
