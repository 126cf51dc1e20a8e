/** What a stage makes of failures, of deadlines, and of a caller who goes. */
import { describe, expect, it, vi } from 'vitest';
import { DeadlineExceededError, FirstStageError, InferenceError, QueryError } from '../../../engine/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import {
  type MemoryRequest,
  type MemoryResponse,
  memoryAdapter,
} from '../../support/doubles/memory-adapter.ts';
import { forever, hitsOf, idsOf, stageOver } from '../../support/doubles/stage-over.ts';

describe('failures of the reranker', () => {
  const gone = new InferenceError('the device is gone', { executionProvider: 'cuda' });
  const failing = (error: unknown) => fakeReranker({ fault: () => Promise.reject(error) });

  it('leave the hits in first-stage order, with the reason and the error', async () => {
    const response = await stageOver(hitsOf(3), { reranker: failing(gone) }).search({
      query: 'words',
      from: 1,
      size: 2,
    });
    expect(idsOf(response)).toEqual(['d1', 'd2']);
    expect(response.blockrank).toMatchObject({
      reranked: false,
      reason: 'rerank-error',
      error: { code: 'inference', message: 'the device is gone' },
    });
  });

  it('reach the caller when the policy says so', async () => {
    const stage = stageOver(hitsOf(3), { reranker: failing(gone), onFailure: 'throw' });
    await expect(stage.search({ query: 'words' })).rejects.toBe(gone);
  });

  it('of any class become an error of the family', async () => {
    const stage = stageOver(hitsOf(3), {
      reranker: failing(new RangeError('off by one')),
      onFailure: 'throw',
    });
    const error: unknown = await stage.search({ query: 'words' }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(InferenceError);
    expect((error as Error).cause).toBeInstanceOf(RangeError);
  });

  it('pass a query without words under either policy', async () => {
    const stage = stageOver(hitsOf(2), { reranker: failing(new QueryError('no words')), onFailure: 'throw' });
    expect((await stage.search({ query: '!?' })).blockrank?.reason).toBe('no-query-text');
  });

  it.each([
    ['loses a candidate', (list: readonly number[]) => list.slice(1)],
    ['doubles a candidate', (list: readonly number[]) => [list[0]!, ...list.slice(0, -1)]],
    ['invents a candidate', (list: readonly number[]) => [99, ...list.slice(1)]],
  ] as const)('include an answer that %s', async (_what, edit) => {
    const reranker = fakeReranker({
      answer: (ranking) => ({
        ...ranking,
        candidates: edit(ranking.candidates.map(({ index }) => index)).map((index) => ({
          index,
          logit: 0,
          score: 0,
        })),
      }),
    });
    const response = await stageOver(hitsOf(3), { reranker }).search({ query: 'words' });
    expect(idsOf(response)).toEqual(['d0', 'd1', 'd2']);
    expect(response.blockrank).toMatchObject({ reason: 'rerank-error', error: { code: 'inference' } });
  });

  it('include a score step that throws or gives nonsense', async () => {
    const stepThrows = (): never => {
      throw new Error('step is broken');
    };
    const throwing = await stageOver(hitsOf(2), { scoreSteps: [stepThrows] }).search({ query: 'words' });
    const empty = await stageOver(hitsOf(2), {
      scoreSteps: [(ranking) => ({ ...ranking, candidates: [] })],
    }).search({ query: 'words' });
    expect(throwing.blockrank?.error?.message).toContain('step is broken');
    expect(empty.blockrank?.error?.message).toContain('score step 0');
    for (const { blockrank } of [throwing, empty]) {
      expect(blockrank).toMatchObject({ reason: 'rerank-error', error: { code: 'score-step' } });
    }
  });

  it('include a score step that hangs, once the time is up', async () => {
    const hangs = (): Promise<never> => new Promise(() => {});
    const { blockrank } = await stageOver(hitsOf(2), { scoreSteps: [hangs], deadlineMs: 100 }).search({
      query: 'words',
    });
    expect(blockrank).toMatchObject({ reranked: false, reason: 'deadline' });
  });

  it('of score steps open no breaker: the reranker did nothing wrong', async () => {
    const stepThrows = (): never => {
      throw new Error('step is broken');
    };
    const breaker = { consecutiveFailures: 2 };
    const stage = stageOver(hitsOf(2), { scoreSteps: [stepThrows], breaker });
    for (const query of ['one', 'two', 'three', 'four']) {
      expect((await stage.search({ query })).blockrank?.reason).toBe('rerank-error');
    }
  });
});

describe('failures of the first stage', () => {
  const refused = new FirstStageError('the server refused', { adapter: 'memory', statusCode: 503 });

  it('reach the caller as they are, under either policy', async () => {
    const adapter = memoryAdapter(hitsOf(2), { fault: () => Promise.reject(refused) });
    await expect(stageOver([], { adapter }).search({ query: 'words' })).rejects.toBe(refused);
    const foreign = new Error("the client's own error");
    const search = () => Promise.reject(foreign);
    await expect(stageOver([]).search({ query: 'words' }, { search })).rejects.toBe(foreign);
  });

  it('include an answer that is no search response', async () => {
    const search = stageOver([]).search({ query: 'words' }, { search: async () => ({}) as MemoryResponse });
    await expect(search).rejects.toThrow(FirstStageError);
  });
});

describe('a deadline', () => {
  it('ends the search with an error when the first stage has not answered', async () => {
    const adapter = memoryAdapter(hitsOf(2), { fault: forever });
    const search = stageOver([], { adapter, deadlineMs: 20 }).search({ query: 'words' });
    const error: unknown = await search.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DeadlineExceededError);
    expect(error).toMatchObject({ phase: 'first-stage', deadlineMs: 20 });
  });

  it('is what happened when the client noticed the abort first', async () => {
    const fault = (_call: number, _request: MemoryRequest, signal: AbortSignal | undefined) =>
      new Promise((_resolve, reject) =>
        signal?.addEventListener('abort', () => reject(new Error('socket hang up'))),
      );
    const adapter = memoryAdapter(hitsOf(2), { fault });
    const search = stageOver([], { adapter, deadlineMs: 10 }).search({ query: 'words' });
    await expect(search).rejects.toThrow(DeadlineExceededError);
  });

  it('gives the hits back in first-stage order when the reranker ignores every signal', async () => {
    const reranker = fakeReranker({ fault: forever, obeysSignal: false });
    const response = await stageOver(hitsOf(3), { reranker, deadlineMs: 200 }).search({ query: 'words' });
    expect(idsOf(response)).toEqual(['d0', 'd1', 'd2']);
    expect(response.blockrank).toMatchObject({ reason: 'deadline', error: { code: 'deadline' } });
  });

  it('reaches the caller when the policy says so', async () => {
    const reranker = fakeReranker({ fault: forever });
    const search = stageOver(hitsOf(3), { reranker, onFailure: 'throw' }).search(
      { query: 'words' },
      { deadlineMs: 200 },
    );
    await expect(search).rejects.toMatchObject({ code: 'deadline', phase: 'rerank' });
    expect(reranker.abortedCalls).toBe(1);
  });

  it('is shared by first stage and reranker', async () => {
    vi.useFakeTimers();
    try {
      const adapter = memoryAdapter(hitsOf(2), {
        fault: () => new Promise((resolve) => setTimeout(resolve, 60)),
      });
      const reranker = fakeReranker({ fault: forever });
      const answered: (string | undefined)[] = [];
      const search = stageOver([], { adapter, reranker, deadlineMs: 100 }).search({ query: 'words' });
      const done = search.then(({ blockrank }) => answered.push(blockrank?.reason));
      // 60 ms went to the first stage: the reranker has the 40 that are left, not 100 of its own.
      await vi.advanceTimersByTimeAsync(99);
      expect([reranker.calls.length, answered]).toEqual([1, []]);
      await vi.advanceTimersByTimeAsync(1);
      await done;
      expect(answered).toEqual(['deadline']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('that has run out already ends the search before it starts', async () => {
    const adapter = memoryAdapter(hitsOf(2));
    const search = stageOver([], { adapter }).search({ query: 'words' }, { deadlineMs: 0 });
    await expect(search).rejects.toThrow(DeadlineExceededError);
    expect(adapter.sent).toHaveLength(0);
  });

  it('of Infinity, or beyond what timers know, is none', async () => {
    const stage = stageOver(hitsOf(2), { deadlineMs: Number.POSITIVE_INFINITY });
    expect((await stage.search({ query: 'words' })).blockrank?.reranked).toBe(true);
    expect((await stage.search({ query: 'more words' }, { deadlineMs: 2 ** 40 })).blockrank?.reranked).toBe(
      true,
    );
  });
});

describe("the caller's abort", () => {
  const reason = new Error('the user went away');

  it('rejects with its reason before anything is sent', async () => {
    const adapter = memoryAdapter(hitsOf(2));
    const search = stageOver([], { adapter }).search(
      { query: 'words' },
      { signal: AbortSignal.abort(reason) },
    );
    await expect(search).rejects.toBe(reason);
    expect(adapter.sent).toHaveLength(0);
  });

  it('rejects with its reason during the first stage', async () => {
    const controller = new AbortController();
    const adapter = memoryAdapter(hitsOf(2), { fault: forever });
    const search = stageOver([], { adapter }).search({ query: 'words' }, { signal: controller.signal });
    controller.abort(reason);
    await expect(search).rejects.toBe(reason);
  });

  it('rejects with its reason during reranking, whatever the policy, and ends the call', async () => {
    const controller = new AbortController();
    const reranker = fakeReranker({ fault: forever });
    const search = stageOver(hitsOf(2), { reranker }).search(
      { query: 'words' },
      { signal: controller.signal },
    );
    await expect.poll(() => reranker.calls.length).toBe(1);
    controller.abort(reason);
    await expect(search).rejects.toBe(reason);
    expect(reranker.abortedCalls).toBe(1);
  });
});
