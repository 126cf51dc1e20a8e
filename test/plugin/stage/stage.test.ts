import { describe, expect, it, vi } from 'vitest';
import {
  BlockRankError,
  ConfigurationError,
  DeadlineExceededError,
  FirstStageError,
  InferenceError,
  QueryError,
} from '../../../engine/index.ts';
import { type RescoringStageOptions, rescoringStage } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import {
  type MemoryHit,
  type MemoryRequest,
  type MemoryResponse,
  memoryAdapter,
} from '../../support/doubles/memory-adapter.ts';

const forever = (): Promise<never> => new Promise(() => {});

function hitsOf(count: number): readonly MemoryHit[] {
  return Array.from({ length: count }, (_, i) => ({ id: `d${i}`, text: `text ${i}`, score: count - i }));
}

/** The model likes the last hits best. */
const reversing = () => fakeReranker({ logit: (_candidate, _query, index) => index });

type Options = Partial<RescoringStageOptions<MemoryRequest, MemoryResponse>>;

/** A stage over these hits that the model reverses, without fusion. */
function stageOver(hits: readonly MemoryHit[], options: Options = {}) {
  return rescoringStage({ adapter: memoryAdapter(hits), reranker: reversing(), scoreSteps: [], ...options });
}

function idsOf(response: MemoryResponse): readonly string[] {
  return response.hits.map(({ id }) => id);
}

function deepFreeze<T>(value: T): T {
  for (const part of Object.values(value as object))
    if (typeof part === 'object' && part !== null) deepFreeze(part);
  return Object.freeze(value);
}

describe('rescoringStage', () => {
  it('gives the hits back in the order of the model, with first-stage rank and score kept', async () => {
    const response = await stageOver(hitsOf(3)).search({ query: 'words' });
    expect(idsOf(response)).toEqual(['d2', 'd1', 'd0']);
    expect(
      response.hits.map(({ blockrank }) => [
        blockrank?.rank,
        blockrank?.firstStageRank,
        blockrank?.firstStageScore,
      ]),
    ).toEqual([
      [1, 3, 1],
      [2, 2, 2],
      [3, 1, 3],
    ]);
    expect(response.blockrank).toMatchObject({ reranked: true, cached: false });
  });

  it('keeps shortlist order between equal scores, even when the reranker does not', async () => {
    const reranker = fakeReranker({
      logit: () => 1,
      answer: (ranking) => ({ ...ranking, candidates: ranking.candidates.toReversed() }),
    });
    const response = await stageOver(hitsOf(4), { reranker }).search({ query: 'words' });
    expect(idsOf(response)).toEqual(['d0', 'd1', 'd2', 'd3']);
  });

  it('leaves hits beyond the window where they were', async () => {
    const stage = stageOver(hitsOf(6), { rankWindowSize: 3 });
    expect(idsOf(await stage.search({ query: 'words' }))).toEqual(['d2', 'd1', 'd0', 'd3', 'd4', 'd5']);
    expect(idsOf(await stage.search({ query: 'words', from: 2, size: 3 }))).toEqual(['d0', 'd3', 'd4']);
    const beyond = await stage.search({ query: 'words', from: 4, size: 2 });
    expect(idsOf(beyond)).toEqual(['d4', 'd5']);
    expect(beyond.blockrank?.reason).toBe('beyond-window');
  });

  it('fuses a lexical first stage into the ranking unless told otherwise', async () => {
    const adapter = memoryAdapter(hitsOf(3));
    const reranker = fakeReranker({ logit: () => 0 });
    const response = await rescoringStage({ adapter, reranker }).search({ query: 'words' });
    const scores = response.hits.map(({ blockrank }) => blockrank?.score ?? 0);
    // The model is indifferent, so that the first stage's scores alone make the difference.
    expect(scores[0]).toBeGreaterThan(scores[2]!);
  });

  it.each([
    [{ query: 'words', sort: 'price' }, 'explicit-sort'],
    [{ query: 'words', size: 0 }, 'size-zero'],
    [{ query: '' }, 'no-query-text'],
    [{ query: ' \n\u3000' }, 'no-query-text'],
    [{}, 'no-query-text'],
  ] as const)('passes %j as it is, and says why', async (request, reason) => {
    const reranker = reversing();
    const response = await stageOver(hitsOf(3), { reranker }).search(request);
    expect(idsOf(response)).toEqual('size' in request ? [] : ['d0', 'd1', 'd2']);
    expect(response.blockrank).toMatchObject({ reranked: false, reason });
    expect(reranker.calls).toHaveLength(0);
  });

  it('passes a request that opted out unchanged', async () => {
    const adapter = memoryAdapter(hitsOf(3));
    const request = { query: 'words', size: 2 };
    const response = await stageOver([], { adapter }).search(request, { rerank: false });
    expect(response.blockrank?.reason).toBe('disabled');
    expect(adapter.sent[0]).toBe(request);
  });

  it('says that there was nothing to rerank', async () => {
    const response = await stageOver([]).search({ query: 'words' });
    expect(response).toMatchObject({ hits: [], blockrank: { reranked: false, reason: 'no-hits' } });
  });

  it('asks the model the question that the call gives', async () => {
    const reranker = reversing();
    await stageOver(hitsOf(2), { reranker }).search({ query: 'words' }, { queryText: 'other words' });
    expect(reranker.calls[0]?.query.text).toBe('other words');
  });

  it('uses the search that the call gives', async () => {
    const adapter = memoryAdapter(hitsOf(3));
    const response = await stageOver([], { adapter }).search(
      { query: 'words' },
      { search: async () => ({ total: 2, hits: hitsOf(2) }) },
    );
    expect(idsOf(response)).toEqual(['d1', 'd0']);
    expect(adapter.sent).toHaveLength(0);
  });

  it('explains every hit when asked', async () => {
    const stage = stageOver(hitsOf(2));
    const plain = await stage.search({ query: 'words' });
    const explained = await stage.search({ query: 'words' }, { explain: true });
    expect(plain.hits.map(({ blockrank }) => blockrank?.explanation)).toEqual([undefined, undefined]);
    expect(explained.hits.every(({ blockrank }) => blockrank?.explanation)).toBe(true);
  });

  it('changes nothing that it was given', async () => {
    const request = deepFreeze({ query: 'words', from: 0, size: 2 });
    const answer = deepFreeze({ total: 3, hits: hitsOf(3) });
    const reranker = fakeReranker({ answer: (ranking) => deepFreeze(ranking) });
    const options = deepFreeze({ search: async () => answer });
    const response = await stageOver([], { reranker }).search(request, options);
    expect(response.blockrank?.reranked).toBe(true);
  });

  it('asks who sends, where the adapter only reads', async () => {
    const { search: _search, searchMany: _searchMany, ...reader } = memoryAdapter(hitsOf(2));
    const stage = rescoringStage({ adapter: reader, reranker: reversing(), scoreSteps: [] });
    const refused = { name: 'TypeError', message: expect.stringContaining('sends nothing itself') };
    await expect(stage.search({ query: 'words' })).rejects.toMatchObject(refused);
    await expect(stage.searchMany([{ query: 'words' }])).rejects.toMatchObject(refused);
    const answer = { total: 2, hits: hitsOf(2) };
    expect(idsOf(await stage.search({ query: 'words' }, { search: async () => answer }))).toEqual([
      'd1',
      'd0',
    ]);
  });

  it('rejects with a TypeError after it was closed', async () => {
    const stage = stageOver(hitsOf(2));
    await stage.close();
    await stage.close();
    await expect(stage.search({ query: 'words' })).rejects.toThrow(TypeError);
    await expect(stage.searchMany([{ query: 'words' }])).rejects.toThrow(TypeError);
  });

  it('gives the hits of a search in flight back in first-stage order when it is closed', async () => {
    const reranker = fakeReranker({ fault: forever });
    const stage = stageOver(hitsOf(2), { reranker });
    const search = stage.search({ query: 'words' });
    await expect.poll(() => reranker.calls.length).toBe(1);
    await stage.close();
    expect((await search).blockrank).toMatchObject({ reranked: false, reason: 'aborted' });
  });
});

describe('options of rescoringStage', () => {
  it('are checked all at once', () => {
    const wrong = {
      adapter: {},
      reranker: undefined,
      rankWindowSize: 0,
      topN: 1.5,
      minScore: 2,
      deadlineMs: -1,
      onFailure: 'shrug',
      cache: { maxEntries: 0 },
      breaker: { consecutiveFailures: 'many' },
      topn: 3,
    };
    const open = (): unknown => rescoringStage(wrong as never);
    expect(open).toThrow(ConfigurationError);
    const issues = issuesOf(open);
    for (const path of [
      'adapter',
      'reranker',
      'rankWindowSize',
      'topN',
      'minScore',
      'deadlineMs',
      'onFailure',
      'cache.maxEntries',
      'breaker.consecutiveFailures',
    ]) {
      expect(issues.map((issue) => issue.path)).toContain(path);
    }
    expect(issues.some(({ message }) => message.includes('topn'))).toBe(true);
  });

  it('keep topN inside the window', () => {
    expect(issuesOf(() => stageOver([], { rankWindowSize: 5, topN: 6 }))).toEqual([
      { path: 'topN', message: 'expected at most rankWindowSize (5), got 6' },
    ]);
  });

  it.each([
    { rankWindowSize: 0 },
    { topN: 0 },
    { topN: 101 },
    { minScore: Number.NaN },
    { deadlineMs: Number.NaN },
  ])('of one search are checked too: %j', async (options) => {
    await expect(stageOver(hitsOf(1)).search({ query: 'words' }, options)).rejects.toThrow(RangeError);
  });
});

function issuesOf(open: () => unknown): ConfigurationError['issues'] {
  try {
    open();
  } catch (error) {
    if (error instanceof ConfigurationError) return error.issues;
  }
  return [];
}

describe('topN and minScore', () => {
  // Logits 0, 1, 2, 3 give the logistic scores .5, .73, .88, .95.
  it('end the list after topN hits', async () => {
    const stage = stageOver(hitsOf(6), { rankWindowSize: 4, topN: 2 });
    expect(idsOf(await stage.search({ query: 'words' }))).toEqual(['d3', 'd2']);
    expect(idsOf(await stage.search({ query: 'words', from: 2 }))).toEqual([]);
  });

  it('drop hits below the calibrated score, and the tail with them', async () => {
    const stage = stageOver(hitsOf(6), { rankWindowSize: 4, minScore: 0.8 });
    expect(idsOf(await stage.search({ query: 'words' }))).toEqual(['d3', 'd2']);
    // Nothing dropped: the tail follows.
    expect(idsOf(await stage.search({ query: 'words' }, { minScore: 0.1 }))).toEqual([
      'd3',
      'd2',
      'd1',
      'd0',
      'd4',
      'd5',
    ]);
  });

  it('refuse minScore when the reranker gives no calibrated score', async () => {
    const reranker = fakeReranker({ calibrate: false });
    const search = stageOver(hitsOf(2), { reranker, minScore: 0.5 }).search({ query: 'words' });
    await expect(search).rejects.toThrow(ConfigurationError);
    await expect(search).rejects.toThrow(/minScore.*calibrated/);
  });
});

describe('pinned hits', () => {
  const hits = hitsOf(5).map((hit, i) => ({ ...hit, isPinned: i === 0 || i === 3 }));

  it('keep their places', async () => {
    // d0 and d3 are pinned to places 1 and 4; the others come reversed around them.
    expect(idsOf(await stageOver(hits).search({ query: 'words' }))).toEqual(['d0', 'd4', 'd2', 'd3', 'd1']);
  });

  it('are never dropped by minScore', async () => {
    // Only d4 passes; d3's place does not exist any more, so it follows.
    expect(idsOf(await stageOver(hits, { minScore: 0.97 }).search({ query: 'words' }))).toEqual([
      'd0',
      'd4',
      'd3',
    ]);
  });
});

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

describe('bad input', () => {
  it('of 5,000 hits comes back whole', async () => {
    const response = await stageOver(hitsOf(5000), { rankWindowSize: 5000 }).search({
      query: 'words',
      size: 5000,
    });
    expect(idsOf(response)).toEqual(
      hitsOf(5000)
        .map(({ id }) => id)
        .reverse(),
    );
  });

  it('of one hit comes back reranked', async () => {
    expect((await stageOver(hitsOf(1)).search({ query: 'words' })).hits).toMatchObject([
      { id: 'd0', blockrank: { score: 1 } },
    ]);
  });

  it('with odd texts and scores comes back whole', async () => {
    const texts = ['', '\u0000\u0007', '\uD800 alone', '\u202Eright to left', '🌟', 'x'.repeat(1_000_000)];
    const scores = [Number.NaN, -9.5e9, Number.POSITIVE_INFINITY, 1e308, -0, 1];
    const hits = texts.map((text, i) => ({ id: 'same', text, score: scores[i]! }));
    const stage = rescoringStage({ adapter: memoryAdapter(hits), reranker: reversing() });
    const response = await stage.search({ query: '\uDC00 '.repeat(10_000) });
    expect(response.blockrank?.reranked).toBe(true);
    expect(response.hits.map(({ text }) => text).sort()).toEqual([...texts].sort());
  });
});
