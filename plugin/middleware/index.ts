/** The door of the middleware. */
export {
  type MiddlewareOptions,
  withElasticsearchReranking,
  withOpenSearchReranking,
} from './with-reranking.ts';
