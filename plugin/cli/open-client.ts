/** Opens the official client of a server, for commands that send calls of their own. */
import type { TransportOwner } from '../../adapters/server.ts';
import { connectElasticsearch, connectOpenSearch } from '../compose/connect.ts';
import type { ServerSection } from './connection-section.ts';
import type { CliContext } from './context.ts';

/** A client. */
export interface CliClient extends TransportOwner {
  /** Closes its connections. */
  close(): Promise<unknown>;
}

/** Opens the client of a section; sends nothing. @throws ConfigurationError for an impossible section. */
export async function openClient(context: CliContext, server: ServerSection): Promise<CliClient> {
  const connection = { env: context.env, onWarning: (text: string) => context.note(`blockrank: ${text}`) };
  return server.opensearch
    ? connectOpenSearch(server.opensearch, connection)
    : connectElasticsearch(server.elasticsearch, connection);
}
