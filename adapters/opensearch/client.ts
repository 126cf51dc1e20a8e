/** The part of OpenSearch's client, 3.x, that the adapter needs; the client object is the user's own. */
import { ConfigurationError } from '../../engine/index.ts';
import { type ClientCalls, endedBy, type StoredStates } from '../search-body/index.ts';

/** What the client's promises resolve with. */
export interface OpenSearchAnswer {
  /** The body of the server's answer, parsed. */
  readonly body: unknown;
}

/** The part of `Client` of `@opensearch-project/opensearch` that the adapter calls. */
export interface OpenSearchClient {
  /** Runs a search. */
  search(request?: object, options?: object): Promise<OpenSearchAnswer>;
  /** Runs several searches. */
  msearch(request: never, options?: object): Promise<OpenSearchAnswer>;
  /** Fetches documents by id; needed where block states lie in an index beside the documents. */
  mget?(request: never, options?: object): Promise<OpenSearchAnswer>;
}

/** Options that go with every call: the client's own `TransportRequestOptions`, for instance `requestTimeout`. */
export interface OpenSearchCallOptions {
  /** Time for one attempt, in milliseconds or in a form that the client takes. @defaultValue the client's */
  readonly requestTimeout?: number | string;
  /**
   * Further attempts after a failed one. This client repeats even calls that timed out, so the adapter tries a call
   * under a signal once unless this option says otherwise.
   * @defaultValue 0 under a signal, else the client's
   */
  readonly maxRetries?: number;
  /** Headers of every call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Names the calls in the server's logs. */
  readonly opaqueId?: string;
}

/** The client's calls, each ended by a signal: the client takes no signal, but its promises can be aborted. */
export function openSearchCalls(client: OpenSearchClient, callOptions: OpenSearchCallOptions): ClientCalls {
  const optionsFor = (signal: AbortSignal | undefined): object => ({
    ...(signal && { maxRetries: 0 }),
    ...callOptions,
  });
  return {
    search: (request, signal) => bodyOf(signal, () => client.search(request, optionsFor(signal))),
    msearch: (lines, signal) => {
      const body = lines.flatMap((line) => [line.header, line.body]);
      return bodyOf(signal, () => client.msearch({ body } as never, optionsFor(signal)));
    },
    mget: (docs, signal) =>
      bodyOf(signal, () => client.mget!({ body: { docs } } as never, optionsFor(signal))),
  };
}

async function bodyOf(
  signal: AbortSignal | undefined,
  call: () => Promise<OpenSearchAnswer>,
): Promise<unknown> {
  const { body } = await endedBy(signal, call);
  return body;
}

/** @throws ConfigurationError when the value is no client, or lacks a call that the options need. */
export function checkOpenSearchClient(client: unknown, states: StoredStates | undefined): void {
  const { search, msearch, mget } = (client ?? {}) as Partial<OpenSearchClient>;
  const wanted = states?.kind === 'sidecar' ? [search, msearch, mget] : [search, msearch];
  if (wanted.every((call) => typeof call === 'function')) return;
  throw new ConfigurationError('Cannot make opensearchAdapter', [
    {
      path: 'client',
      message:
        'expected a client object of the package "@opensearch-project/opensearch" (3.x): npm install @opensearch-project/opensearch, then opensearchAdapter({ client: new Client({ node }) })',
    },
  ]);
}
