/** The adapter for OpenSearch. */

export type {
  ApartField,
  JsonObject,
  MarkedHit,
  MarkedResponse,
  QueryTextOption,
  SearchBodyOptions,
  SearchHit,
  StoredStates,
} from '../search-body/index.ts';
export {
  type OpenSearchAdapterOptions,
  type OpenSearchRequest,
  type OpenSearchResponse,
  opensearchAdapter,
} from './adapter.ts';
export type { OpenSearchAnswer, OpenSearchCallOptions, OpenSearchClient } from './client.ts';
export * from './install/index.ts';
