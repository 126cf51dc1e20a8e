/** Makes the adapter for OpenSearch. */
// biome-ignore lint/suspicious/noTsIgnore: the client is an optional peer; where it is absent, its types are any.
/** @ts-ignore */
import type { API } from '@opensearch-project/opensearch';
import type { Adapter } from '../adapter.ts';
import {
  type MarkedHit,
  type MarkedResponse,
  type SearchBodyOptions,
  searchAdapter,
  searchBodySettings,
} from '../search-body/index.ts';
import {
  checkOpenSearchClient,
  type OpenSearchCallOptions,
  type OpenSearchClient,
  openSearchCalls,
} from './client.ts';

/** What `client.search()` takes. The body is wider than the client's own type, which lacks parts of the server's grammar. */
export type OpenSearchRequest = Omit<API.Search_Request, 'body'> & {
  /** The request's body. */
  readonly body?: API.Search_RequestBody | Readonly<Record<string, unknown>>;
};

/** The body of what `client.search()` gives, with the marks of the stage. */
export type OpenSearchResponse = Omit<API.Search_ResponseBody, 'hits'> &
  MarkedResponse & {
    /** The page. */
    readonly hits: Omit<API.Search_ResponseBody['hits'], 'hits'> & {
      /** The page's hits, best first. */
      readonly hits: readonly (API.Search_ResponseBody['hits']['hits'][number] & MarkedHit)[];
    };
  };

/** Options of {@link opensearchAdapter}. */
export interface OpenSearchAdapterOptions extends SearchBodyOptions {
  /** Your client object of `@opensearch-project/opensearch`, 3.x. */
  readonly client: OpenSearchClient;
  /** Options that go with every call to the client. */
  readonly callOptions?: OpenSearchCallOptions | undefined;
}

/**
 * An adapter over an OpenSearch client of yours. A request may hold any `query`: words, `knn`, `neural`, `hybrid`. The
 * adapter's responses are the bodies of the client's.
 *
 * @throws ConfigurationError for an option that cannot be.
 *
 * @example const adapter = opensearchAdapter({ client: new Client({ node }), fields: ['title', 'body'] });
 */
export function opensearchAdapter(
  options: OpenSearchAdapterOptions,
): Adapter<OpenSearchRequest, OpenSearchResponse> &
  Required<Pick<Adapter<OpenSearchRequest, OpenSearchResponse>, 'searchMany'>> {
  const { client, callOptions = {} } = options;
  checkOpenSearchClient(client, options.states);
  const settings = searchBodySettings(options, { adapter: 'opensearch', layout: 'body' });
  return searchAdapter(settings, openSearchCalls(client, callOptions));
}
