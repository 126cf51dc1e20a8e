import { describe, expect, it } from 'vitest';
import { type CacheEvent, type RescoringStageOptions, rescoringStage } from '../../../plugin/stage/index.ts';
import { type FakeRerankerOptions, fakeReranker } from '../../../plugin/testing/index.ts';
import {
  type MemoryHit,
  type MemoryRequest,
  type MemoryResponse,
  memoryAdapter,
} from '../../support/doubles/memory-adapter.ts';

const hits: readonly MemoryHit[] = ['a', 'b', 'c', 'd', 'e', 'f'].map((id, i) => ({
  id,
  text: `text ${id}`,
  score: 9 - i,
}));
const firstPage = { query: 'words', from: 0, size: 2 };
const secondPage = { query: 'words', from: 2, size: 2 };
const thirdPage = { query: 'words', from: 4, size: 2 };

interface Setup {
  readonly reranker?: FakeRerankerOptions;
  readonly stage?: Partial<RescoringStageOptions<MemoryRequest, MemoryResponse>>;
}

/** A stage whose model reverses the list, with what happened. */
function open({ reranker: behaviour, stage: options }: Setup = {}) {
  const asked: CacheEvent['result'][] = [];
  const reranker = fakeReranker({ logit: (_candidate, _query, index) => index, ...behaviour });
  const stage = rescoringStage({
    adapter: memoryAdapter(hits),
    reranker,
    scoreSteps: [],
    events: { cache: ({ result }) => asked.push(result) },
    ...options,
  });
  const ids = async (request: MemoryRequest): Promise<string> =>
    (await stage.search(request)).hits.map(({ id }) => id).join('');
  return { asked, reranker, stage, ids };
}

/** Fails the calls with these numbers. */
const failing = (...calls: readonly number[]): FakeRerankerOptions => ({
  fault: (call) => (calls.includes(call) ? Promise.reject(new Error('broken')) : undefined),
});

describe('pages and the ranking cache', () => {
  it('serve a later page the order that the first one saw, without asking again', async () => {
    const { ids, asked, reranker } = open();
    expect([await ids(firstPage), await ids(secondPage), await ids(thirdPage)]).toEqual(['fe', 'dc', 'ba']);
    expect(asked).toEqual(['miss', 'hit', 'hit']);
    expect(reranker.calls).toHaveLength(1);
  });

  it('keep a list reranked when the reranker fails later', async () => {
    const { ids } = open({ reranker: failing(2, 3) });
    expect([await ids(firstPage), await ids(secondPage)]).toEqual(['fe', 'dc']);
  });

  it('keep a list in first-stage order when the reranker failed on its first page', async () => {
    const { ids, asked, reranker } = open({ reranker: failing(1) });
    expect([await ids(firstPage), await ids(secondPage), await ids(thirdPage)]).toEqual(['ab', 'cd', 'ef']);
    expect(asked).toEqual(['miss', 'unranked', 'unranked']);
    expect(reranker.calls).toHaveLength(1);
  });

  it('keep a list in first-stage order when the reranker failed on a later page that came first', async () => {
    const { ids } = open({ reranker: failing(1) });
    expect([await ids(secondPage), await ids(firstPage), await ids(thirdPage)]).toEqual(['cd', 'ab', 'ef']);
  });

  it('start over when the first page is asked for again after a failure', async () => {
    const { ids, reranker } = open({ reranker: failing(1) });
    expect([await ids(firstPage), await ids(firstPage), await ids(secondPage)]).toEqual(['ab', 'fe', 'dc']);
    expect(reranker.calls).toHaveLength(2);
  });

  it('agree when pages are asked for at once and one of them runs out of time', async () => {
    const { stage } = open({ reranker: { delayMs: 400 } });
    const pages = await Promise.all([
      stage.search(firstPage, { deadlineMs: 200 }),
      stage.search(secondPage),
      stage.search(thirdPage),
    ]);
    expect(pages.map((page) => page.hits.map(({ id }) => id).join(''))).toEqual(['ab', 'cd', 'ef']);
  });

  it('give an out-of-time page the ranking that another page has by then', async () => {
    const { stage } = open({
      reranker: { fault: (call) => (call === 2 ? new Promise(() => {}) : undefined) },
    });
    const plain = await stage.search(firstPage);
    // The second call, for explanations, hangs; the order of the first is there.
    const explained = await stage.search(secondPage, { explain: true, deadlineMs: 200 });
    expect(plain.blockrank?.reranked).toBe(true);
    expect(explained.hits.map(({ id }) => id).join('')).toBe('dc');
    expect(explained.blockrank).toMatchObject({ reranked: true, cached: true });
  });

  it('tell lists apart by query, by text and by score', async () => {
    const { stage, reranker } = open();
    const search = (query: string, list: readonly MemoryHit[]) =>
      stage.search({ query }, { search: async () => ({ total: list.length, hits: list }) });
    await search('words', hits);
    await search('other words', hits);
    await search(
      'words',
      hits.map((hit) => ({ ...hit, text: `${hit.text}!` })),
    );
    await search(
      'words',
      hits.map((hit) => ({ ...hit, score: 1 })),
    );
    await search('words', hits.toReversed());
    // The same characters, cut elsewhere.
    await search('words', [{ id: 'ab', text: 'c', score: 1 }]);
    await search('words', [{ id: 'a', text: 'bc', score: 1 }]);
    expect(reranker.calls).toHaveLength(7);
    await search('words', hits);
    expect(reranker.calls).toHaveLength(7);
  });

  it('forget after their time', async () => {
    let clock = 1000;
    const { ids, reranker } = open({ stage: { now: () => clock, cache: { ttlMs: 500 } } });
    await ids(firstPage);
    clock += 400;
    await ids(firstPage);
    expect(reranker.calls).toHaveLength(1);
    clock += 200;
    await ids(firstPage);
    expect(reranker.calls).toHaveLength(2);
  });

  it('forget the least recently used list when there are too many', async () => {
    const { stage, reranker } = open({ stage: { cache: { maxEntries: 2 } } });
    for (const query of ['one', 'two', 'one', 'three', 'one', 'two']) await stage.search({ query });
    // `two` was pushed out by `three`, and asked again.
    expect(reranker.calls.map(({ query }) => query.text)).toEqual(['one', 'two', 'three', 'two']);
  });

  it('remember nothing when switched off', async () => {
    const { ids, asked, reranker } = open({ stage: { cache: false } });
    await ids(firstPage);
    await ids(secondPage);
    expect(reranker.calls).toHaveLength(2);
    expect(asked).toEqual([]);
  });
});

describe('identical searches in flight', () => {
  it('share one call of the reranker', async () => {
    const { stage, reranker } = open({ reranker: { delayMs: 10 }, stage: { cache: false } });
    const pages = await Promise.all([
      stage.search(firstPage),
      stage.search(secondPage),
      stage.search(firstPage),
    ]);
    expect(pages.map((page) => page.hits.map(({ id }) => id).join(''))).toEqual(['fe', 'dc', 'fe']);
    expect(reranker.calls).toHaveLength(1);
  });

  it('go on for the others when one caller leaves, and end when the last one does', async () => {
    let openGate = (): void => {};
    const gate = new Promise<void>((resolve) => {
      openGate = resolve;
    });
    const { stage, reranker } = open({ reranker: { fault: () => gate } });
    const leaving = new AbortController();
    const left = stage.search(firstPage, { signal: leaving.signal });
    const staying = stage.search(secondPage);
    await expect.poll(() => reranker.calls.length).toBe(1);
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    openGate();
    expect((await staying).blockrank?.reranked).toBe(true);
    expect(reranker.abortedCalls).toBe(0);
  });

  it('do not join a call that everybody has left', async () => {
    const { stage, reranker } = open({
      reranker: { fault: (call) => (call === 1 ? new Promise(() => {}) : undefined) },
    });
    await stage.search(firstPage, { deadlineMs: 200 });
    expect((await stage.search(firstPage)).blockrank?.reranked).toBe(true);
    expect([reranker.calls.length, reranker.abortedCalls]).toEqual([2, 1]);
  });
});
