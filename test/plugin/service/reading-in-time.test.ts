import { describe, expect, it } from 'vitest';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { serviceStarter } from '../../support/servers/test-service.ts';

const start = serviceStarter();

const ask = { query: 'dogs', documents: ['one', 'two dogs', 'three dogs'] };
const soon = { 'x-blockrank-deadline-ms': '20000' };

describe('a request of which only a part was read in time', () => {
  it('is answered with that part ranked, says so, and is read on the next time', async () => {
    const reads = [2, 3];
    const reranker = fakeReranker({ readsInTime: (call) => reads[call - 1]! });
    const { post, metric } = await start({ reranker });
    const part = await post('/blockrank/rerank', ask, soon);
    expect(part.headers.get('x-blockrank-read')).toBe('2');
    expect(part.json).toMatchObject({
      reranked: true,
      usage: { read: 2 },
      results: [{ index: 1 }, { index: 0 }, { index: 2, isRead: false }],
    });
    const whole = await post('/blockrank/rerank', ask, soon);
    expect([whole.headers.get('x-blockrank-read'), whole.json.cache]).toEqual([null, 'miss']);
    expect((await post('/blockrank/rerank', ask, soon)).json.cache).toBe('hit');
    expect(await metric('unread_documents_total')).toBe(1);
  });

  it('is kept where reading stopped since the page needed no more', async () => {
    const reranker = fakeReranker({
      readsInTime: () => 2,
      answer: (ranking) => ({ ...ranking, usage: { ...ranking.usage, stoppedBy: 'page' } }),
    });
    const { post, metric } = await start({ reranker });
    const first = await post('/blockrank/rerank', ask, soon);
    expect(first.json.usage).toMatchObject({ read: 2, stoppedBy: 'page' });
    const said = ['x-blockrank-read', 'x-blockrank-stopped-by'].map((name) => first.headers.get(name));
    expect(said).toEqual(['2', 'page']);
    expect((await post('/blockrank/rerank', ask, soon)).json.cache).toBe('hit');
    expect(await metric('unread_documents_total')).toBe(0);
  });

  it('says which documents were dropped halfway', async () => {
    const reranker = fakeReranker({
      answer: (ranking) => ({
        usage: { ...ranking.usage, statesDropped: 1 },
        candidates: ranking.candidates.map((one) => (one.index === 0 ? { ...one, isDropped: true } : one)),
      }),
    });
    const { post } = await start({ reranker });
    const { json } = await post('/blockrank/rerank', ask);
    expect(json).toMatchObject({
      usage: { statesDropped: 1 },
      results: [{ index: 1 }, { index: 2 }, { index: 0, isDropped: true }],
    });
  });

  it('is refused when nothing was read', async () => {
    const { post } = await start({ reranker: fakeReranker({ readsInTime: () => 0 }) });
    const { status, headers } = await post('/v1/rerank', ask, soon);
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
  });

  it('is read whole where the configuration says so', async () => {
    const reranker = fakeReranker({ readsInTime: () => 1 });
    const { post } = await start({ config: { readingShare: false }, reranker });
    const { headers } = await post('/v1/rerank', ask, soon);
    expect(headers.get('x-blockrank-read')).toBeNull();
  });
});
