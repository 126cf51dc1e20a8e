import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  type Embedder,
  type Routed,
  type RouterChoice,
  type RouterOptions,
  rankingFault,
  routerReranker,
  steppedReranker,
} from '../../../engine/index.ts';
import { fakeReranker, rerankerSuite } from '../../../plugin/testing/index.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';

/** Bread queries point along the first axis, star queries along the second; all others hold no known word. */
const embedder: Embedder = {
  async embed(texts, { signal } = {}) {
    signal?.throwIfAborted();
    const rows = texts.flatMap((text) => [Number(/bread/.test(text)), Number(/stars/.test(text))]);
    return { width: 2, rows: Float32Array.from(rows) };
  },
};
const clusters: RouterOptions['clusters'] = {
  kind: 'k-means',
  rows: [
    [1, 0],
    [0, 1],
  ],
};

const choice = (
  name: string,
  costMs: number,
  clusterLosses: readonly number[],
  ready = true,
): RouterChoice => ({
  name,
  costMs,
  clusterLosses,
  meanLoss: clusterLosses.reduce((sum, loss) => sum + loss, 0) / clusterLosses.length,
  reranker: fakeReranker({ info: { name, ready } }),
});
/** The dear one is better at stars alone. */
const choices = (): readonly RouterChoice[] => [
  choice('cheap', 1, [0.3, 0.8]),
  choice('dear', 50, [0.35, 0.2]),
];
const open = (options: Partial<RouterOptions> = {}) =>
  routerReranker({ choices: choices(), clusters, embedder, ...options });
const routedOf = async (
  query: string,
  options: Partial<RouterOptions> = {},
  deadlineMs?: number,
): Promise<Routed> =>
  (
    await open(options).rerank(
      shortlistOf(query, 'one', 'two'),
      deadlineMs === undefined ? {} : { deadlineMs },
    )
  ).routed!;

rerankerSuite({ name: 'a router', open });

describe('routerReranker', () => {
  it('asks the reranker that is best at the query’s cluster, and says so', async () => {
    expect(await routedOf('bread')).toEqual({
      to: 'cheap',
      reason: 'least-loss',
      expectedLoss: 0.3,
      costMs: 1,
      cluster: 0,
    });
    expect(await routedOf('stars')).toMatchObject({ to: 'dear', reason: 'least-loss', cluster: 1 });
  });

  it('takes the cheaper one where the better one gains too little for its cost', async () => {
    // .6 of loss for 49 ms are .0122 a millisecond.
    expect(await routedOf('stars', { lambda: 0.0122 })).toMatchObject({ to: 'dear' });
    expect(await routedOf('stars', { lambda: 0.0123 })).toMatchObject({ to: 'cheap', reason: 'cost' });
    expect(await routedOf('stars', { lambda: Number.POSITIVE_INFINITY })).toMatchObject({ to: 'cheap' });
  });

  it('decides by the means over all queries where a query has no known words', async () => {
    const routed = await routedOf('?!');
    expect(routed).toMatchObject({ to: 'dear', reason: 'no-words' });
    expect(routed.cluster).toBeUndefined();
  });

  it('passes over what costs more than the call has time for, and takes the cheapest where all do', async () => {
    expect(await routedOf('stars', {}, 40)).toMatchObject({ to: 'cheap', reason: 'deadline' });
    expect(await routedOf('stars', {}, 0.5)).toMatchObject({ to: 'cheap', reason: 'deadline' });
    expect(await routedOf('stars', {}, 60)).toMatchObject({ to: 'dear', reason: 'least-loss' });
  });

  it('passes over what is not ready, as long as another is', async () => {
    const ill = [choice('cheap', 1, [0.3, 0.8]), choice('dear', 50, [0.35, 0.2], false)];
    expect(await routedOf('stars', { choices: ill })).toMatchObject({ to: 'cheap', reason: 'not-ready' });
    const allIll = ill.map((one) => choice(one.name, one.costMs, one.clusterLosses, false));
    expect(await routedOf('stars', { choices: allIll })).toMatchObject({ to: 'dear' });
  });

  it('fails with what the chosen reranker failed with', async () => {
    const gone = fakeReranker({
      fault: () => {
        throw new Error('gone');
      },
    });
    const [cheap, dear] = choices();
    const router = open({ choices: [cheap!, { ...dear!, reranker: gone }] });
    await expect(router.rerank(shortlistOf('stars', 'one'))).rejects.toThrow('gone');
    expect((await router.rerank(shortlistOf('bread', 'one'))).routed!.to).toBe('cheap');
  });

  it('keeps its decision through score steps', async () => {
    const flipped = steppedReranker(open(), [
      ({ candidates, usage }) => ({
        candidates: candidates.map((one) => ({ ...one, logit: one.index })),
        usage,
      }),
    ]);
    const ranking = await flipped.rerank(shortlistOf('stars', 'one', 'two'));
    expect(ranking.routed!.to).toBe('dear');
    expect(ranking.candidates.map(({ index }) => index)).toEqual([1, 0]);
  });

  it('ranks every list as a permutation', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string(), { maxLength: 8 }), fc.string(), async (texts, query) => {
        const ranking = await open().rerank(shortlistOf(query, ...texts));
        expect(rankingFault(ranking, texts.length)).toBeUndefined();
      }),
    );
  });

  it('has other digests with other rerankers, losses or lambda', () => {
    const [cheap, dear] = choices();
    const digest = (options: Partial<RouterOptions>): string => {
      const { encodingDigest, readoutDigest } = open(options).info;
      return encodingDigest + readoutDigest;
    };
    const all = [
      {},
      { choices: [cheap!] },
      { lambda: 1 },
      { choices: [cheap!, { ...dear!, meanLoss: 0.9 }] },
    ];
    expect(new Set(all.map(digest)).size).toBe(4);
  });

  it('refuses losses and costs that are no numbers, twice the same name, and no reranker at all', () => {
    const bad = [
      choice('a', Number.NaN, [0.1, 0.2]),
      choice('a', 1, [Number.NaN, 0.2]),
      choice('c', 1, [0.1]),
    ];
    expect(() => open({ choices: bad })).toThrow(
      /costMs: expected milliseconds .* for "a", got NaN.*comes twice.*losses in \[0, 1\] for "a", got NaN.*2 clusters, got 1/,
    );
    expect(() => open({ choices: [], lambda: -1 })).toThrow(ConfigurationError);
  });

  it('refuses an embedder of another width, and says what to open', async () => {
    const other: Embedder = { embed: async () => ({ width: 3, rows: new Float32Array(3) }) };
    await expect(open({ embedder: other }).rerank(shortlistOf('bread', 'one'))).rejects.toThrow(
      'expected vectors of 2 values, as the clusters have, got 3',
    );
  });
});
