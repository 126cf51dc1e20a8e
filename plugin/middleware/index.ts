/** The door of the middleware. */
export {
  type MiddlewareOptions,
  type WithChild,
  withElasticsearchReranking,
  withOpenSearchReranking,
} from './with-reranking.ts';
