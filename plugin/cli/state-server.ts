/** Opens the server of `blockrank states`. */
import { type ServerCalls, stateCalls, type TransportOwner } from '../../adapters/opensearch/index.ts';
import { connectElasticsearch, connectOpenSearch, toAdvised } from '../config/index.ts';
import type { ServerSection } from './connection-options.ts';
import type { CliContext } from './context.ts';

/** Runs work with calls to the server, and closes them after it. Failures of the connection say what to change. */
export async function withStateServer<T>(
  context: CliContext,
  named: ServerSection,
  work: (calls: ServerCalls) => Promise<T>,
): Promise<T> {
  const connection = { env: context.env, onWarning: (text: string) => context.note(`blockrank: ${text}`) };
  const server = named.opensearch ? 'opensearch' : 'elasticsearch';
  const client: Client = named.opensearch
    ? await connectOpenSearch(named.opensearch, connection)
    : await connectElasticsearch(named.elasticsearch, connection);
  try {
    return await work(stateCalls(client, server));
  } catch (error) {
    throw toAdvised(error, server);
  } finally {
    await client.close();
  }
}

interface Client extends TransportOwner {
  close(): Promise<unknown>;
}
