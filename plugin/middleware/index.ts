/** The door of the middleware. */
export { type ElasticsearchTransportClass, elasticsearchTransport } from './elasticsearch-transport.ts';
export { type OpenSearchTransportClass, opensearchTransport } from './opensearch-transport.ts';
export type { TransportReranking } from './search-call.ts';
export {
  type MiddlewareOptions,
  type WithChild,
  withElasticsearchReranking,
  withOpenSearchReranking,
} from './with-reranking.ts';
