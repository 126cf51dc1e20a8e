import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Adapter } from '../../../adapters/adapter.ts';
import { DeadlineExceededError, FirstStageError } from '../../../engine/index.ts';
import { rescoringStage } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import {
  type MemoryRequest,
  type MemoryResponse,
  memoryAdapter,
} from '../../support/doubles/memory-adapter.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** The memory adapter's mapping, with hits that come from a real server. */
async function httpAdapter(listener: RequestListener): Promise<Adapter<MemoryRequest, MemoryResponse>> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    ...memoryAdapter([]),
    name: 'tiny-http',
    search: async (plan, options = {}) => {
      const signal = options.signal ?? null;
      try {
        const answer = await fetch(`http://127.0.0.1:${port}`, {
          method: 'POST',
          body: JSON.stringify(plan.request),
          signal,
        });
        if (answer.ok) return (await answer.json()) as MemoryResponse;
        throw new FirstStageError(`The server answered ${answer.status}.`, {
          adapter: 'tiny-http',
          statusCode: answer.status,
        });
      } catch (error) {
        if (error instanceof FirstStageError) throw error;
        throw new FirstStageError(
          'Cannot search the tiny server.',
          { adapter: 'tiny-http' },
          { cause: error },
        );
      }
    },
  };
}

const twoHits = JSON.stringify({
  total: 2,
  hits: [
    { id: 'a', text: 'beans' },
    { id: 'b', text: 'stars' },
  ],
});
const request = { query: 'stars' };

describe('a stage over a real server', () => {
  it('reranks what it answers', async () => {
    const adapter = await httpAdapter((_request, response) => response.end(twoHits));
    const response = await rescoringStage({ adapter, reranker: fakeReranker() }).search(request);
    expect(response.hits.map(({ id }) => id)).toEqual(['b', 'a']);
  });

  it.each([400, 404, 429, 500, 503])('rejects when it answers %i', async (status) => {
    const adapter = await httpAdapter((_request, response) => response.writeHead(status).end('{}'));
    const search = rescoringStage({ adapter, reranker: fakeReranker() }).search(request);
    await expect(search).rejects.toMatchObject({ code: 'first-stage', statusCode: status });
  });

  it.each<[string, RequestListener]>([
    ['closes the socket', (incoming) => incoming.socket.destroy()],
    ['sends malformed JSON', (_incoming, response) => response.end('{"hits": [')],
    ['breaks off', (_incoming, response) => void response.write('{', () => response.destroy())],
    ['sends something else', (_incoming, response) => response.end('{"ok": true}')],
  ])('rejects when it %s', async (_what, listener) => {
    const stage = rescoringStage({ adapter: await httpAdapter(listener), reranker: fakeReranker() });
    await expect(stage.search(request)).rejects.toThrow(FirstStageError);
  });

  it.each<[string, RequestListener]>([
    ['never answers', () => {}],
    ['starts an answer and hangs', (_incoming, response) => void response.write('{"hits": [')],
  ])('rejects at the deadline when it %s, and drops the connection', async (_what, listener) => {
    let dropped = (): void => {};
    const connectionDropped = new Promise<void>((resolve) => {
      dropped = resolve;
    });
    const adapter = await httpAdapter((incoming, response) => {
      incoming.socket.once('close', dropped);
      listener(incoming, response);
    });
    const search = rescoringStage({ adapter, reranker: fakeReranker() }).search(request, { deadlineMs: 80 });
    await expect(search).rejects.toThrow(DeadlineExceededError);
    await connectionDropped;
  });
});
