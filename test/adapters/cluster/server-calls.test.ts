import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type ServerCalls,
  type ServerCallsOptions,
  serverCalls,
  type TransportOwner,
} from '../../../adapters/server.ts';

/** Counts what comes in, and answers as it is told to. */
async function listen(listener: RequestListener): Promise<{ readonly url: string; count: number }> {
  const state = { url: '', count: 0 };
  const server = createServer((request, response) => {
    state.count += 1;
    listener(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return state;
}

const clients = { opensearch: OpenSearchClient, elasticsearch: ElasticsearchClient };

function open(server: keyof typeof clients, node: string, options?: ServerCallsOptions): ServerCalls {
  const client = new clients[server]({ node });
  onTestFinished(() => client.close());
  return serverCalls(client as unknown as TransportOwner, server, options);
}

describe.each(['opensearch', 'elasticsearch'] as const)('serverCalls through the client of %s', (server) => {
  it('sends a call once, also when the connection breaks: nothing may happen twice', async () => {
    const seen = await listen(({ socket }) => void socket.destroy());
    const calls = open(server, seen.url);
    await expect(calls.request({ method: 'PUT', path: '/a', body: {} })).rejects.toThrow(
      /^PUT \/a on ".*search" got no answer \(ConnectionError\): .*\. Check the server's address, and that it runs\.$/,
    );
    expect(seen.count).toBe(1);
  });

  it('sends a call once, also when the server is overloaded', async () => {
    const seen = await listen((_request, response) => {
      response
        .writeHead(503, { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' })
        .end('{}');
    });
    expect((await open(server, seen.url).request({ method: 'PUT', path: '/a', body: {} })).status).toBe(503);
    expect(seen.count).toBe(1);
  });

  it('gives up after the time of the call, and says what that means', async () => {
    // Never answers.
    const seen = await listen(() => undefined);
    const call = open(server, seen.url).request({ method: 'GET', path: '/a' }, { timeoutMs: 20 });
    await expect(call).rejects.toThrow(
      /\(TimeoutError\): .*The server takes longer than this waits: look at its load, and run this again\.$/,
    );
  });

  it('speaks of no client and its options, which who runs a command does not have', async () => {
    const seen = await listen(({ socket }) => void socket.destroy());
    const call = open(server, seen.url).request({ method: 'GET', path: '/a' });
    await expect(call).rejects.not.toThrow(/client's|adapter/i);
  });

  it('ends with the advice of whoever knows more', async () => {
    const seen = await listen(({ socket }) => void socket.destroy());
    const calls = open(server, seen.url, { advice: () => 'check the cable' });
    await expect(calls.request({ method: 'GET', path: '/a' })).rejects.toThrow(/\. Check the cable\.$/);
  });
});
