import { afterEach, describe, expect, it, vi } from 'vitest';
import { composeProxy } from '../../../plugin/compose/index.ts';
import { event, playedRaw, search } from '../../support/doubles/proxy-setup.ts';

const open: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const found = { hits: { max_score: 1, hits: [{ _id: '1', _score: 1, _source: { title: 'stars' } }] } };
const context = { onWarning: () => {}, onFault: () => {}, events: {} };

describe('composeProxy', () => {
  it.each([
    ['ten seconds when the file says nothing', {}, 10_000],
    ['the time that the file says', { deadlineMs: 3000 }, 3000],
  ])('gives a search %s', async (_what, stage, deadlineMs) => {
    const asked = event();
    const rest = event();
    const server = await playedRaw((request, response) => {
      request.resume();
      asked.happen();
      response.writeHead(200, { 'content-type': 'application/json' });
      void rest.happened.then(() => response.end(JSON.stringify(found)));
    });
    open.push(() => server.close());
    const proxy = await composeProxy(
      {
        proxy: { target: server.url, server: 'elasticsearch', indices: ['products'], port: 0 },
        index: { textFields: ['title'] },
        reranker: { workers: 1, warmUp: false },
        stage,
      },
      context,
    );
    open.push(() => proxy.close());
    // The clock is the test's own.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    open.push(() => vi.useRealTimers());
    const answer = search(proxy.url, '/products/_search', { query: { match: { title: 'stars' } } });
    await asked.happened;
    vi.advanceTimersByTime(deadlineMs);
    rest.happen();
    expect((await answer).headers['x-blockrank']).toBe('unreranked; reason=deadline');
  });
});
