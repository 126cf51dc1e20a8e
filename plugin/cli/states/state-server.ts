/** Opens the server of `blockrank states`. */
import { type ServerCalls, stateCalls } from '../../../adapters/server.ts';
import { toAdvised } from '../../compose/connection-advice.ts';
import type { ServerSection } from '../connection-section.ts';
import type { CliContext } from '../context.ts';
import { openClient } from '../open-client.ts';

/** Runs work with calls to the server, and closes them after it. Errors of the connection say what to change. */
export async function withStateServer<T>(
  context: CliContext,
  named: ServerSection,
  work: (calls: ServerCalls) => Promise<T>,
): Promise<T> {
  const server = named.opensearch ? 'opensearch' : 'elasticsearch';
  const client = await openClient(context, named);
  try {
    return await work(stateCalls(client, server));
  } catch (error) {
    throw toAdvised(error, server);
  } finally {
    await client.close();
  }
}
