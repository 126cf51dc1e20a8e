/** Puts the stage inside a client that an application has already: every `client.search()` in its code is reranked. */
import {
  type ElasticsearchAdapterOptions,
  type ElasticsearchClient,
  elasticsearchAdapter,
} from '../../adapters/elasticsearch/index.ts';
import {
  type OpenSearchAdapterOptions,
  type OpenSearchClient,
  opensearchAdapter,
} from '../../adapters/opensearch/index.ts';
import { orderStepFields, type SignalOptions } from '../../engine/index.ts';
import { type RescoringStageOptions, rescoringStage } from '../stage/index.ts';
import { stageOptionNames } from '../stage/options.ts';
import { type ElasticsearchTransportClass, elasticsearchTransport } from './elasticsearch-transport.ts';
import { type OpenSearchTransportClass, opensearchTransport } from './opensearch-transport.ts';

/** Options of the stage and the adapter, and the indices to rerank. */
export type MiddlewareOptions<AdapterOptions> = Omit<
  RescoringStageOptions<never, never>,
  'adapter' | 'signals'
> &
  Omit<AdapterOptions, 'client' | 'signals'> & {
    /**
     * Rules of the stage about fields that the model does not read, and names of fields that are only fetched, for score
     * steps of your own. The fields of the rules are fetched too. @defaultValue none
     */
    readonly signals?: readonly (SignalOptions | string)[] | undefined;
    /**
     * Indices whose searches are reranked by default; `*` stands for any characters. @defaultValue none: only calls
     * with `context: { blockrank: true }`
     */
    readonly indices?: readonly string[] | undefined;
  };

/** The part of a client that makes a child of the same kind. */
export interface WithChild {
  /** A client over the same connections with other options. */
  child(options: object): unknown;
  /** Sends the calls. */
  readonly transport: object;
}

/**
 * A client of the same kind over the same connections, whose searches and multi-searches are reranked, in every form of
 * the client. Your own client is not changed. Calls, `meta: true`, helpers and errors are the client's own. A search
 * that cannot be read (a stream, broken JSON) passes, marked with the reason; an answer that comes as a stream
 * (`asStream`) passes without a mark. Both clients share their connections: `close()` of one closes those of the other,
 * so close one of them, once, and the reranker.
 *
 * @throws ConfigurationError listing every option that is wrong.
 *
 * @example const client = withElasticsearchReranking(plain, { reranker, fields: ['title', 'body'], indices:
 * ['articles-*'] }); await client.search({ index: 'articles-2026', query: { match: { body: 'food from sunlight' } } });
 */
export function withElasticsearchReranking<Client extends ElasticsearchClient & WithChild>(
  client: Client,
  options: MiddlewareOptions<ElasticsearchAdapterOptions>,
): Client {
  const { stageOptions, adapterOptions, indices } = split(options);
  const adapter = elasticsearchAdapter({ ...(adapterOptions as ElasticsearchAdapterOptions), client });
  const stage = rescoringStage({ ...stageOptions, adapter });
  const Transport = client.transport.constructor as ElasticsearchTransportClass;
  return client.child({ Transport: elasticsearchTransport(Transport, { stage, indices }) }) as Client;
}

/**
 * A client of the same kind over the same connections, whose searches and multi-searches are reranked: see
 * {@link withElasticsearchReranking}. Calls, callbacks, `abort()`, helpers and errors are the client's own.
 *
 * @throws ConfigurationError listing every option that is wrong.
 */
export function withOpenSearchReranking<Client extends OpenSearchClient & WithChild>(
  client: Client,
  options: MiddlewareOptions<OpenSearchAdapterOptions>,
): Client {
  const { stageOptions, adapterOptions, indices } = split(options);
  const adapter = opensearchAdapter({ ...(adapterOptions as OpenSearchAdapterOptions), client });
  const stage = rescoringStage({ ...stageOptions, adapter });
  const Transport = client.transport.constructor as OpenSearchTransportClass;
  return client.child({ Transport: opensearchTransport(Transport, { stage, indices }) }) as Client;
}

/** The stage's options apart from the adapter's. */
function split({ indices = [], signals = [], ...rest }: MiddlewareOptions<object>): {
  stageOptions: Omit<RescoringStageOptions<never, never>, 'adapter'>;
  adapterOptions: object;
  indices: readonly string[];
} {
  const entries = Object.entries(rest);
  const isStage = ([key]: [string, unknown]): boolean => stageOptionNames.includes(key);
  const fields = signals.filter((each) => typeof each === 'string');
  const stageOptions = {
    ...(Object.fromEntries(entries.filter(isStage)) as Omit<RescoringStageOptions<never, never>, 'adapter'>),
    signals: signals.filter((each) => typeof each !== 'string'),
  };
  return {
    stageOptions,
    adapterOptions: {
      ...Object.fromEntries(entries.filter((entry) => !isStage(entry))),
      signals: [...new Set([...fields, ...orderStepFields(stageOptions)])],
    },
    indices,
  };
}
