/** Several searches in one call. */
import { describe, expect, it } from 'vitest';
import { BlockRankError, DeadlineExceededError, FirstStageError } from '../../../engine/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import {
  type MemoryRequest,
  type MemoryResponse,
  memoryAdapter,
} from '../../support/doubles/memory-adapter.ts';
import { forever, hitsOf, idsOf, stageOver } from '../../support/doubles/stage-over.ts';

describe('searchMany', () => {
  const requests = [{ query: 'good' }, { query: 'bad' }, { query: 'sorted', sort: 'price' }];

  it('reranks each item on its own', async () => {
    const reranker = fakeReranker({
      logit: (_candidate, _query, index) => index,
      fault: (_call, { query }) => (query.text === 'bad' ? Promise.reject(new Error('broken')) : undefined),
    });
    const answers = await stageOver(hitsOf(2), { reranker }).searchMany(requests);
    const marks = answers.map((answer) => (answer instanceof Error ? answer : answer.blockrank));
    expect(marks).toMatchObject([
      { reranked: true },
      { reason: 'rerank-error' },
      { reason: 'explicit-sort' },
    ]);
  });

  it.each([true, false])(
    'gives the error of a refused item in its place (one round trip: %s)',
    async (hasSearchMany) => {
      const refused = new FirstStageError('the server refused', { adapter: 'memory', statusCode: 400 });
      const fault = (_call: number, { query }: MemoryRequest) =>
        query === 'bad' ? Promise.reject(refused) : undefined;
      const adapter = memoryAdapter(hitsOf(2), { fault, hasSearchMany });
      const answers = await stageOver([], { adapter }).searchMany(requests);
      expect(answers[1]).toBe(refused);
      expect(answers.map((answer) => answer instanceof Error)).toEqual([false, true, false]);
    },
  );

  it('gives errors of the policy in their places', async () => {
    const reranker = fakeReranker({
      fault: (_call, { query }) => (query.text === 'bad' ? Promise.reject(new Error('broken')) : undefined),
    });
    const answers = await stageOver(hitsOf(2), { reranker, onFailure: 'throw' }).searchMany(requests);
    expect(answers[1]).toBeInstanceOf(BlockRankError);
    expect(answers.map((answer) => answer instanceof Error)).toEqual([false, true, false]);
  });

  it('takes options for single items, and an error of one stays its own', async () => {
    const answers = await stageOver(hitsOf(3)).searchMany(requests, {
      each: ({ query }) => (query === 'good' ? { topN: 1 } : query === 'bad' ? { topN: -1 } : undefined),
    });
    expect(idsOf(answers[0] as MemoryResponse)).toEqual(['d2']);
    expect(answers[1]).toBeInstanceOf(RangeError);
    expect(idsOf(answers[2] as MemoryResponse)).toEqual(['d0', 'd1', 'd2']);
  });

  it('uses the search that the call gives, and refuses an answer of another length', async () => {
    const answer = { total: 2, hits: hitsOf(2) };
    const answers = await stageOver([]).searchMany([{ query: 'a' }, { query: 'b' }], {
      searchMany: async (plans) => plans.map(() => answer),
    });
    expect(answers.map((one) => idsOf(one as MemoryResponse))).toEqual([
      ['d1', 'd0'],
      ['d1', 'd0'],
    ]);
    const short = stageOver([]).searchMany([{ query: 'a' }, { query: 'b' }], {
      searchMany: async () => [answer],
    });
    await expect(short).rejects.toThrow(FirstStageError);
  });

  it('answers no requests with no responses', async () => {
    expect(await stageOver([]).searchMany([])).toEqual([]);
  });

  it('rejects as a whole when the first stage runs out of time or the caller gives up', async () => {
    const adapter = memoryAdapter(hitsOf(2), { fault: forever });
    const stage = stageOver([], { adapter });
    await expect(stage.searchMany(requests, { deadlineMs: 10 })).rejects.toThrow(DeadlineExceededError);
    const reason = new Error('the user went away');
    await expect(stage.searchMany(requests, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
