import { describe, expect, it } from 'vitest';
import { type Ranking, type RerankOptions, wrapped } from '../../../engine/index.ts';
import type { RerankedEvent } from '../../../plugin/stage/index.ts';
import { type FakeRerankerOptions, fakeReranker } from '../../../plugin/testing/index.ts';
import type { MemoryResponse } from '../../support/doubles/memory-adapter.ts';
import { hitsOf, idsOf, type StageOptions, stageOver } from '../../support/doubles/stage-over.ts';

const deadlineMs = 60_000;

/** A stage over six hits that the model reverses, of which a call reads so many in time. */
function open(reads: readonly number[], options: StageOptions = {}, behaviour: FakeRerankerOptions = {}) {
  const events: RerankedEvent[] = [];
  const calls: RerankOptions[] = [];
  const fake = fakeReranker({
    logit: (_candidate, _query, index) => index,
    readsInTime: (call) => reads[call - 1] ?? 6,
    ...behaviour,
  });
  const reranker = wrapped(fake, {
    rerank: (list, call = {}) => {
      calls.push(call);
      return fake.rerank(list, call);
    },
  });
  const stage = stageOver(hitsOf(6), {
    reranker,
    deadlineMs,
    events: { reranked: (event) => events.push(event) },
    ...options,
  });
  const page = (from = 0, size = 6, call = {}): Promise<MemoryResponse> =>
    stage.search({ query: 'words', from, size }, call);
  return { page, events, calls };
}

const ids = async (response: Promise<MemoryResponse>): Promise<string> => idsOf(await response).join(' ');

describe('a list of which only a part was read in time', () => {
  it('comes reranked as far as it was read, and says how far', async () => {
    const { page, events } = open([3]);
    const response = await page();
    expect(idsOf(response)).toEqual(['d2', 'd1', 'd0', 'd3', 'd4', 'd5']);
    expect(response.blockrank).toMatchObject({ reranked: true, read: 3 });
    expect(response.hits.map(({ blockrank }) => blockrank?.isRead)).toEqual([
      ...new Array(3).fill(undefined),
      ...new Array(3).fill(false),
    ]);
    expect(events[0]).toMatchObject({ candidates: 6, usage: { read: 3 } });
  });

  it('keeps its order from page to page, though a later call would read more', async () => {
    const { page, calls } = open([2, 6]);
    expect([await ids(page(0, 2)), await ids(page(2, 2)), await ids(page(4, 2))]).toEqual([
      'd1 d0',
      'd2 d3',
      'd4 d5',
    ]);
    expect(calls).toHaveLength(1);
  });

  it('is read on when its first page is asked for again, and later pages follow that', async () => {
    const { page } = open([2, 4, 6]);
    expect(await ids(page(0, 3))).toBe('d1 d0 d2');
    expect(await ids(page(0, 3))).toBe('d3 d2 d1');
    expect(await ids(page(3, 3))).toBe('d0 d4 d5');
    expect(await ids(page(0, 3))).toBe('d5 d4 d3');
    expect(await ids(page(0, 3))).toBe('d5 d4 d3'); // whole now, and kept
  });

  it('keeps what was read when a later attempt fails or reads less', async () => {
    const fault = (call: number): unknown => (call === 2 ? Promise.reject(new Error('broken')) : undefined);
    const { page, calls } = open([4, 0, 1], {}, { fault });
    for (let i = 0; i < 3; i += 1) expect(await ids(page())).toBe('d3 d2 d1 d0 d4 d5');
    expect(calls).toHaveLength(3);
  });

  it('explains a later page in the order that the first page had', async () => {
    const { page } = open([2, 6]);
    expect(await ids(page(0, 3))).toBe('d1 d0 d2');
    const { hits } = await page(3, 3, { explain: true });
    expect(hits.map(({ id }) => id)).toEqual(['d3', 'd4', 'd5']);
    expect(hits.every(({ blockrank }) => blockrank?.explanation !== undefined)).toBe(true);
  });

  it('is in first-stage order, with the reason, when nothing was read; the next page can be tried again', async () => {
    const { page } = open([0, 6]);
    const response = await page();
    expect(response.blockrank).toMatchObject({ reranked: false, reason: 'deadline' });
    expect(idsOf(response)).toEqual(['d0', 'd1', 'd2', 'd3', 'd4', 'd5']);
    expect(await ids(page())).toBe('d5 d4 d3 d2 d1 d0');
  });

  it('stays as it is where reading stopped since the page needed no more', async () => {
    const answer = (ranking: Ranking): Ranking => ({
      ...ranking,
      usage: { ...ranking.usage, stoppedBy: 'page' },
    });
    const { page, calls } = open([3, 6], {}, { answer });
    const first = await page(0, 3);
    expect(first.blockrank).toMatchObject({ reranked: true, read: 3, stoppedBy: 'page' });
    expect(idsOf(first)).toEqual(['d2', 'd1', 'd0']);
    expect(await ids(page(0, 3))).toBe('d2 d1 d0');
    expect(calls).toHaveLength(1);
  });

  it('keeps unread hits under minScore, since their score is not known', async () => {
    const { page } = open([2], { minScore: 0.6 });
    expect(await ids(page())).toBe('d1 d2 d3 d4 d5'); // d0 scores .5
  });
});

describe('readingShare', () => {
  it('is the share of the time left that the reranker reads in', async () => {
    const { page, calls } = open([], { readingShare: 0.5 });
    await page();
    expect(calls[0]!.readWithinMs).toBeGreaterThan(0.45 * deadlineMs);
    expect(calls[0]!.readWithinMs).toBeLessThanOrEqual(0.5 * deadlineMs);
  });

  it('switched off, or without a deadline, leaves the list to be read whole', async () => {
    for (const options of [{ readingShare: false as const }, { deadlineMs: undefined }]) {
      const { page, calls } = open([2], options);
      expect(await ids(page())).toBe('d5 d4 d3 d2 d1 d0');
      expect(calls[0]).not.toHaveProperty('readWithinMs');
    }
  });
});
