/** Adapters whose client is never called, for tests of pure methods. */
import { Client } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import type { Adapter } from '../../../adapters/adapter.ts';
import {
  type ElasticsearchAdapterOptions,
  type ElasticsearchRequest,
  type ElasticsearchResponse,
  elasticsearchAdapter,
} from '../../../adapters/elasticsearch/index.ts';
import {
  type OpenSearchAdapterOptions,
  type OpenSearchRequest,
  type OpenSearchResponse,
  opensearchAdapter,
} from '../../../adapters/opensearch/index.ts';

const node = 'http://127.0.0.1:9';

/** The Elasticsearch adapter, reading `title` and `body` by default. */
export function elasticsearchSilent(
  options: Partial<ElasticsearchAdapterOptions> = {},
): Adapter<ElasticsearchRequest, ElasticsearchResponse> {
  const fields = options.template === undefined ? { fields: ['title', 'body'] } : {};
  return elasticsearchAdapter({ client: new Client({ node }), ...fields, ...options });
}

/** The OpenSearch adapter, reading `title` and `body` by default. */
export function openSearchSilent(
  options: Partial<OpenSearchAdapterOptions> = {},
): Adapter<OpenSearchRequest, OpenSearchResponse> {
  const fields = options.template === undefined ? { fields: ['title', 'body'] } : {};
  return opensearchAdapter({ client: new OpenSearchClient({ node }), ...fields, ...options });
}
