/** Opens plain calls to the server that the options name, for commands that change it. */
import { Argument } from 'commander';
import { type ServerCalls, serverCalls, type TransportOwner } from '../../adapters/opensearch/index.ts';
import { ConfigurationError } from '../../engine/index.ts';
import { connectElasticsearch, connectionAdvice, connectOpenSearch } from '../config/index.ts';
import { type ConnectionFlags, connectionFlagOf, serverOfFlags } from './connection-options.ts';
import type { CliContext } from './context.ts';
import { withFlagNames } from './flag-names.ts';

/** Which server a command is about. */
export type ServerKind = 'opensearch' | 'elasticsearch';

/** The argument that names the server. */
export function serverArgument(): Argument {
  return new Argument('<server>', 'which kind of server').choices(['opensearch', 'elasticsearch']);
}

/**
 * Runs work with calls to the server, and closes them after it. A call without an answer says what to change about the
 * connection; what an answer means, whoever asked for it says: a 401 may be the reranking service's.
 *
 * @throws ConfigurationError when the options name no server, or one of the other kind.
 */
export async function withServerCalls<T>(
  context: CliContext,
  { server, flags }: { readonly server: ServerKind; readonly flags: ConnectionFlags },
  work: (calls: ServerCalls) => Promise<T>,
): Promise<T> {
  const flagOf = (path: string): string | undefined =>
    connectionFlagOf(server, path.replace(`${server}.`, ''));
  const client = await withFlagNames(flagOf, () => connect(context, server, flags));
  try {
    return await work(serverCalls(client, server, { advice: connectionAdvice }));
  } finally {
    await client.close();
  }
}

interface Client extends TransportOwner {
  close(): Promise<unknown>;
}

async function connect(context: CliContext, server: ServerKind, flags: ConnectionFlags): Promise<Client> {
  const named = serverOfFlags(flags);
  if (named?.[server] === undefined) {
    const message = named
      ? `is for the other kind of server: give --${server} <url>`
      : `give the server's address: --${server} <url>`;
    throw new ConfigurationError('Wrong options', [{ path: named ? 'server' : '', message }]);
  }
  const connection = { env: context.env, onWarning: (text: string) => context.note(`blockrank: ${text}`) };
  return named.opensearch
    ? ((await connectOpenSearch(named.opensearch, connection)) as Client)
    : ((await connectElasticsearch(named.elasticsearch!, connection)) as Client);
}
