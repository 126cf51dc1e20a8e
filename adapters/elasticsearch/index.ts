/** The adapter for Elasticsearch. */

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
  type ElasticsearchAdapterOptions,
  type ElasticsearchRequest,
  type ElasticsearchResponse,
  elasticsearchAdapter,
} from './adapter.ts';
export type { ElasticsearchCallOptions, ElasticsearchClient } from './client.ts';
export * from './install/index.ts';
