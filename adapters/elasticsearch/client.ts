/** The part of Elasticsearch's client, 8.x or 9.x, that the adapter needs; the client object is the user's own. */
import { ConfigurationError } from '../../engine/index.ts';
import { type ClientCalls, endedBy, type StoredStates } from '../search-body/index.ts';

/** The part of `Client` of `@elastic/elasticsearch` that the adapter calls. */
export interface ElasticsearchClient {
  /** Runs a search. */
  search(request?: object, options?: object): Promise<unknown>;
  /** Runs several searches. */
  msearch(request?: object, options?: object): Promise<unknown>;
  /** Fetches documents by id; needed where block states lie in an index beside the documents. */
  mget?(request?: object, options?: object): Promise<unknown>;
}

/** Options that go with every call: the client's own `TransportRequestOptions`, for instance `requestTimeout`. */
export interface ElasticsearchCallOptions {
  /** Time for one attempt, in milliseconds or in a form that the client takes. @defaultValue the client's */
  readonly requestTimeout?: number | string;
  /**
   * Further attempts after a failed one. The client takes a refused certificate for a lost connection, and repeats that
   * call too, with waits of seconds; 0 says at once what is wrong. @defaultValue the client's
   */
  readonly maxRetries?: number;
  /** Headers of every call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Names the calls in the server's logs. */
  readonly opaqueId?: string;
}

/** The client's calls, each ended by a signal. */
export function elasticsearchCalls(
  client: ElasticsearchClient,
  callOptions: ElasticsearchCallOptions,
): ClientCalls {
  const call = (signal: AbortSignal | undefined, send: (options: object) => Promise<unknown>) =>
    endedBy(signal, (own) => send({ ...callOptions, meta: false, ...(own && { signal: own }) }));
  return {
    search: (request, signal) => call(signal, (options) => client.search(request, options)),
    msearch: (lines, signal) => {
      const searches = lines.flatMap(({ header, body }) => [header, body]);
      return call(signal, (options) => client.msearch({ searches }, options));
    },
    mget: (docs, signal) => call(signal, (options) => client.mget!({ docs }, options)),
  };
}

/** @throws ConfigurationError when the value is no client, or lacks a call that the options need. */
export function checkElasticsearchClient(client: unknown, states: StoredStates | undefined): void {
  const { search, msearch, mget } = (client ?? {}) as Partial<ElasticsearchClient>;
  const wanted = states?.kind === 'sidecar' ? [search, msearch, mget] : [search, msearch];
  if (wanted.every((call) => typeof call === 'function')) return;
  throw new ConfigurationError('Cannot make elasticsearchAdapter', [
    {
      path: 'client',
      message:
        'expected a client object of the package "@elastic/elasticsearch" (8.x or 9.x): npm install @elastic/elasticsearch, then elasticsearchAdapter({ client: new Client({ node }) })',
    },
  ]);
}
