/** Opens plain calls to the server that the options name, for commands that change it. */
import { type ServerCalls, serverCalls } from '../../../adapters/server.ts';
import { connectionAdvice } from '../../compose/connection-advice.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { connectionFlagOf, serverOfFlags } from '../connection-section.ts';
import type { CliContext } from '../context.ts';
import { wrongOption } from '../errors.ts';
import { withFlagNames } from '../flag-names.ts';
import { type CliClient, openClient } from '../open-client.ts';
import type { ServerKind } from './install-flags.ts';

/**
 * Runs work with calls to the server, and closes them after it. The error of a call without an answer says what to
 * change about the connection. The caller interprets answers itself: a 401 may be the reranking service's.
 *
 * @throws ConfigurationError when the options name no server, or a server of the other kind.
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

async function connect(context: CliContext, server: ServerKind, flags: ConnectionFlags): Promise<CliClient> {
  const named = serverOfFlags(flags);
  if (named?.[server]) return openClient(context, named);
  throw named
    ? wrongOption('server', `is for the other kind of server: give --${server} <url>`)
    : wrongOption('', `give the server's address: --${server} <url>`);
}
