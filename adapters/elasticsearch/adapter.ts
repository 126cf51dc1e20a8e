/** Makes the adapter for Elasticsearch. */
// biome-ignore lint/suspicious/noTsIgnore: the client is an optional peer; where it is absent, its types are any.
/** @ts-ignore */
import type { estypes } from '@elastic/elasticsearch';
import type { Adapter } from '../adapter.ts';
import {
  type MarkedHit,
  type MarkedResponse,
  type SearchBodyOptions,
  searchAdapter,
  searchBodySettings,
} from '../search-body/index.ts';
import {
  checkElasticsearchClient,
  type ElasticsearchCallOptions,
  type ElasticsearchClient,
  elasticsearchCalls,
} from './client.ts';

/** What `client.search()` takes: flat, or with a `body` as in 7.x and 8.x. */
export type ElasticsearchRequest = Omit<estypes.SearchRequest, 'body'> & {
  /** The request's body, for requests that are not flat. */
  readonly body?: unknown;
};

/** What `client.search()` resolves with, and the marks of the stage. */
export type ElasticsearchResponse<TDocument = unknown> = Omit<estypes.SearchResponse<TDocument>, 'hits'> &
  MarkedResponse & {
    /** The page. */
    readonly hits: Omit<estypes.SearchHitsMetadata<TDocument>, 'hits'> & {
      /** The page's hits, best first. */
      readonly hits: readonly (estypes.SearchHit<TDocument> & MarkedHit)[];
    };
  };

/** Options of {@link elasticsearchAdapter}. */
export interface ElasticsearchAdapterOptions extends SearchBodyOptions {
  /** Your client object of `@elastic/elasticsearch`, 8.x or 9.x. */
  readonly client: ElasticsearchClient;
  /** Options that go with every call to the client. */
  readonly callOptions?: ElasticsearchCallOptions | undefined;
}

/**
 * An adapter over an Elasticsearch client of yours. A request may hold any `query`, `knn`, `retriever` or mix of them.
 *
 * @throws ConfigurationError for an option that cannot be.
 *
 * @example const adapter = elasticsearchAdapter({ client: new Client({ node }), fields: ['title', 'body'] });
 */
export function elasticsearchAdapter<TDocument = unknown>(
  options: ElasticsearchAdapterOptions,
): Adapter<ElasticsearchRequest, ElasticsearchResponse<TDocument>> &
  Required<Pick<Adapter<ElasticsearchRequest, ElasticsearchResponse<TDocument>>, 'searchMany'>> {
  const { client, callOptions = {} } = options;
  checkElasticsearchClient(client, options.states);
  const settings = searchBodySettings(options, { adapter: 'elasticsearch', layout: 'flat' });
  return searchAdapter(settings, elasticsearchCalls(client, callOptions));
}
