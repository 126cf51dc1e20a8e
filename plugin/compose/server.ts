/** Turns a checked configuration into a stage over a search server. */
import type { Adapter } from '../../adapters/adapter.ts';
import { elasticsearchAdapter } from '../../adapters/elasticsearch/index.ts';
import { opensearchAdapter } from '../../adapters/opensearch/index.ts';
import type { BlockRankConfig } from '../config/schema.ts';
import { readingStored } from '../config/stored-states.ts';
import { type ConnectContext, connectElasticsearch, connectOpenSearch } from './connect.ts';
import { withConnectionAdvice } from './connection-advice.ts';
import { toReadOptions } from './read-options.ts';
import { type Composition, composeStage, type OpenReranker } from './stage.ts';

/** A search as the server's own client takes it: flat for Elasticsearch, with a `body` for OpenSearch. */
export type ServerRequest = Readonly<Record<string, unknown>>;

/** An answer as the server's own client gives it. */
export type ServerResponse = Readonly<Record<string, unknown>>;

/** An adapter of the server that the configuration names. */
export type ServerAdapter = Adapter<ServerRequest, ServerResponse>;

/** The surroundings that {@link composeServer} needs. */
export interface ComposeContext extends ConnectContext {
  /** Wraps the adapter, for instance to watch requests and responses. @defaultValue the adapter itself */
  readonly decorate?: ((adapter: ServerAdapter) => ServerAdapter) | undefined;
  /** Opens the reranker. @defaultValue a reranker of its own */
  readonly openReranker?: OpenReranker | undefined;
}

/**
 * Connects, opens the reranker, and opens a stage over both.
 *
 * @throws ConfigurationError listing every faulty setting. @throws ModelFormatError when the folder holds no model.
 *
 * @example const config = await loadConfig('blockrank.config.yaml', process.env); const { stage, close } = await
 * composeServer(config, { env: process.env, onWarning: console.warn });
 */
export async function composeServer(
  config: BlockRankConfig,
  context: ComposeContext,
): Promise<Composition<ServerRequest, ServerResponse>> {
  const { adapter, close } = await openAdapter(config, context);
  const { decorate = (same) => same } = context;
  return composeStage({
    adapter: decorate(adapter),
    reranker: readingStored(config.reranker, config.index.states),
    stage: config.stage,
    closeAdapter: close,
    openReranker: context.openReranker,
  });
}

interface OpenedAdapter {
  readonly adapter: ServerAdapter;
  close(): Promise<void>;
}

async function openAdapter(
  { elasticsearch, opensearch, index, stage }: BlockRankConfig,
  context: ConnectContext,
): Promise<OpenedAdapter> {
  const read = toReadOptions(index, stage);
  if (elasticsearch) {
    const client = await connectElasticsearch(elasticsearch, context);
    const adapter = elasticsearchAdapter({ client, ...read }) as unknown as ServerAdapter;
    return { adapter: withConnectionAdvice(adapter, 'elasticsearch'), close: () => client.close() };
  }
  const client = await connectOpenSearch(opensearch!, context);
  const adapter = opensearchAdapter({ client, ...read }) as unknown as ServerAdapter;
  return {
    adapter: withConnectionAdvice(adapter, 'opensearch'),
    close: async () => void (await client.close()),
  };
}
