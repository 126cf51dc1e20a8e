import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RemoteServiceError, remoteReranker } from '../../../engine/index.ts';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import { answeringServer } from '../../support/doubles/answering-server.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';

const kept = closedAfterEach();
const list = shortlistOf('dogs', 'the secret of the shop', 'cats');

/** What one attempt comes to when a service answers like this. */
async function errorAfter(
  answer: (response: ServerResponse) => void,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<RemoteServiceError> {
  const { signal, ...settings } = options;
  const server = kept(await answeringServer(answer));
  const reranker = remoteReranker({ api: 'cohere', url: server.url, retries: 0, ...settings });
  const error: unknown = await reranker
    .rerank(list, signal ? { signal } : {})
    .catch((caught: unknown) => caught);
  if (!signal) expect(error).toBeInstanceOf(RemoteServiceError);
  return error as RemoteServiceError;
}

const unusable = 'Check that the address speaks the wire form "cohere"';

describe('an answer that cannot be used says why, and is not asked for again', () => {
  it('when it is not JSON: of what type it is, and never a word of it', async () => {
    const { message, isTransient } = await errorAfter((response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<p>the secret of the shop</p>'),
    );
    expect(message).toContain(
      `cannot use its answer: it is not JSON but text/html, 29 characters. ${unusable}`,
    );
    expect(message).not.toContain('secret');
    expect(isTransient).toBe(false);
  });

  it('when it is JSON that was cut short, or of no type', async () => {
    const { message } = await errorAfter((response) => response.end('{"results":['));
    expect(message).toContain('it is not JSON but of no content type, 12 characters');
  });

  it('when it is empty', async () => {
    const { message, isTransient } = await errorAfter((response) => response.end(' \n'));
    expect(message).toContain(`it is empty. ${unusable}`);
    expect(isTransient).toBe(false);
  });

  it.each([
    ['{"id":"x"}', 'it holds no list of scores'],
    ['null', 'it holds no list of scores'],
    ['{"results":[{"index":7,"relevance_score":0.1}]}', 'it names document 7'],
    ['{"results":[{"index":0,"relevance_score":null}]}', 'document 0 has no finite score'],
    ['{"results":[{"index":0,"relevance_score":0.1}]}', 'document 1 has no score'],
  ])('when it is JSON of another shape (%s)', async (body, why) => {
    const { message, isTransient } = await errorAfter((response) => response.end(body));
    expect(message).toContain(`cannot use its answer: ${why}. ${unusable}`);
    expect(isTransient).toBe(false);
  });

  it('when it is too long: the rest of it is not read', async () => {
    const megabyte = Buffer.alloc(1024 * 1024, ' ');
    let sent = 0;
    let closed = false;
    const { message, isTransient } = await errorAfter((response) => {
      response.on('close', () => {
        closed = true;
      });
      const write = (): void => {
        while (!closed && sent < 100) {
          sent += 1;
          if (!response.write(megabyte)) return;
        }
      };
      response.on('drain', write);
      write();
    });
    expect(message).toContain(`cannot use its answer: it is longer than 16777216 bytes. ${unusable}`);
    expect(isTransient).toBe(false);
    await expect.poll(() => closed).toBe(true);
    expect(sent).toBeLessThan(100);
  });
});

describe('an answer that does not come whole may come later', () => {
  it('when the connection breaks: after how many bytes', async () => {
    const { message, isTransient } = await errorAfter((response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
      response.write('{"results":[');
      setTimeout(() => response.destroy(), 20);
    });
    expect(message).toContain('its answer broke off after 12 bytes: ');
    expect(message).toContain('Check that it runs and can be reached');
    expect(isTransient).toBe(true);
  });

  it('when time runs out in its midst', async () => {
    const { message, isTransient } = await errorAfter(
      (response) =>
        void response.writeHead(200, { 'content-type': 'application/json' }).write('{"results":['),
      { timeoutMs: 200 },
    );
    expect(message).toContain('no whole answer (12 bytes) within 200 ms');
    expect(isTransient).toBe(true);
  });

  it('and ends with the caller’s reason when the caller left in its midst', async () => {
    const controller = new AbortController();
    const reason = new Error('not wanted any more');
    const error = await errorAfter(
      (response) => {
        response.writeHead(200).write('{"results":[');
        void sleep(20).then(() => controller.abort(reason));
      },
      { signal: controller.signal },
    );
    expect(error).toBe(reason);
  });

  it('of a refusal is judged by its status, however long what it says is', async () => {
    const error = await errorAfter((response) =>
      response.writeHead(503).end(Buffer.alloc(17 * 1024 * 1024, 'x')),
    );
    expect(error).toMatchObject({ statusCode: 503, isTransient: true });
  });
});
