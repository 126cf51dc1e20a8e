/** Calls to a search server that can also send many lines of JSON at once. */
import { type ServerCalls, serverCalls, type TransportOwner } from './server-calls.ts';

/**
 * Calls through a client of yours, of `@opensearch-project/opensearch` or `@elastic/elasticsearch`; they send a body of
 * bytes unchanged, as lines of JSON.
 */
export function stateCalls(client: TransportOwner, server: ServerCalls['server']): ServerCalls {
  const request: TransportOwner['transport']['request'] = (params, options) =>
    client.transport.request(withLines(params) as never, options);
  return serverCalls({ transport: { request } }, server);
}

/** Both clients take lines of JSON under a name other than `body`. */
function withLines(params: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { body, ...rest } = params;
  return Buffer.isBuffer(body) ? { ...rest, bulkBody: body } : params;
}
