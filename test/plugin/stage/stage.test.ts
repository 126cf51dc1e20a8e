import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../../engine/index.ts';
import { rescoringStage } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { memoryAdapter } from '../../support/doubles/memory-adapter.ts';
import { forever, hitsOf, idsOf, reversing, stageOver } from '../../support/doubles/stage-over.ts';

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
