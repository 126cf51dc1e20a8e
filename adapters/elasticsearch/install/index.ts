/** Installing a reranking service in Elasticsearch. */
export { elasticsearchAdvice } from './advice.ts';
export {
  type ElasticsearchInstallOptions,
  type EndpointDefinition,
  endpointDefinition,
  type InferenceService,
} from './options.ts';
export { licenceIssues, planElasticsearchInstall, planElasticsearchUninstall } from './plan.ts';
export {
  type ElasticsearchState,
  type FoundEndpoint,
  type Licence,
  readElasticsearchState,
} from './state.ts';
export { esqlExample, retrieverExample, tryEndpoint } from './trial.ts';
