import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CascadeOptions,
  ConfigurationError,
  cascadeReranker,
  firstStageReranker,
  InferenceError,
  type RankingUsage,
  type Reranker,
  rankingFault,
  wrapped,
} from '../../../engine/index.ts';
import { fakeReranker, rerankerSuite } from '../../../plugin/testing/index.ts';
import { saidOfList, sayingReranker } from '../../support/doubles/saying-reranker.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';

rerankerSuite({
  name: 'a cascade over the first of a cheap order',
  open: () => cascadeReranker({ cheap: fakeReranker(), dear: fakeReranker(), first: 3 }),
});
rerankerSuite({
  name: 'a cascade over candidates near the edge',
  open: () => cascadeReranker({ cheap: fakeReranker(), dear: fakeReranker(), margin: 1, cutoff: 2 }),
});
rerankerSuite({ name: 'the first stage', open: firstStageReranker });

/** Gives candidates logits by their index. */
const scoring = (logits: readonly number[]) =>
  fakeReranker({ logit: ({ docId }) => logits[Number(docId.slice(1))]! });
const listOf = (count: number) => shortlistOf('q', ...Array.from({ length: count }, (_, i) => `text ${i}`));
const orderOf = async (
  logits: { readonly cheap: readonly number[]; readonly dear: readonly number[] },
  rule: Partial<CascadeOptions>,
): Promise<number[]> => {
  const cascade = cascadeReranker({ cheap: scoring(logits.cheap), dear: scoring(logits.dear), ...rule });
  const { candidates } = await cascade.rerank(listOf(logits.cheap.length));
  return candidates.map(({ index }) => index);
};

describe('cascadeReranker', () => {
  it('lets the dear reranker order the first ones, and keeps the cheap order below', async () => {
    // Cheap order: 4 3 2 1 0. The dear one would put 0 first, and never sees it.
    const logits = { cheap: [1, 2, 3, 4, 5], dear: [9, 8, 3, 2, 1] };
    expect(await orderOf(logits, { first: 3 })).toEqual([2, 3, 4, 1, 0]);
  });

  it('lets the dear reranker order those near the page’s edge, and keeps those that are sure', async () => {
    // The page has 2: 10 is sure to be on it and 0 to be off it; 5, 4.9 and 4.8 are not.
    const logits = { cheap: [10, 5, 4.9, 4.8, 0], dear: [0, 1, 2, 3, 9] };
    expect(await orderOf(logits, { margin: 0.2, cutoff: 2 })).toEqual([0, 3, 2, 1, 4]);
  });

  it('asks no dear reranker about a list that the page holds as a whole', async () => {
    const dear = fakeReranker();
    const cascade = cascadeReranker({ cheap: fakeReranker(), dear, margin: 1 });
    await cascade.rerank(listOf(10));
    expect(dear.calls).toHaveLength(0);
    await cascade.rerank(listOf(11));
    expect(dear.calls).toHaveLength(1);
  });

  it('gives the dear reranker its part in first-stage order, pinned candidates among it', async () => {
    const dear = fakeReranker();
    const cascade = cascadeReranker({ cheap: scoring([1, 5, 2, 4]), dear, first: 3 });
    await cascade.rerank({ ...listOf(4), pinned: [0, 2] });
    const [part] = dear.calls;
    expect(part!.candidates.map(({ docId }) => docId)).toEqual(['d1', 'd2', 'd3']);
    expect(part!.pinned).toEqual([1]);
  });

  it('is a permutation whose window is one of itself, whatever the logits', async () => {
    const logit = fc.oneof(
      fc.integer({ min: -3, max: 3 }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    );
    const lists = fc.array(fc.tuple(logit, logit), { minLength: 1, maxLength: 12 });
    const rule = fc.oneof(
      fc.record({ first: fc.integer({ min: 1, max: 14 }) }),
      fc.record({
        margin: fc.double({ min: 0.01, max: 4, noNaN: true }),
        cutoff: fc.integer({ min: 1, max: 8 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(lists, rule, async (pairs, chosen) => {
        const [cheap, dear] = [scoring(pairs.map(([one]) => one)), scoring(pairs.map(([, other]) => other))];
        const list = listOf(pairs.length);
        const before = (await cheap.rerank(list)).candidates.map(({ index }) => index);
        const ranking = await cascadeReranker({ cheap, dear, ...chosen }).rerank(list);
        expect(rankingFault(ranking, pairs.length)).toBeUndefined();
        const after = ranking.candidates.map(({ index }) => index);
        const seen = new Set((dear.calls[0]?.candidates ?? []).map(({ docId }) => Number(docId.slice(1))));
        // Whoever the dear reranker did not see keeps the place that the cheap one gave.
        for (const [place, index] of before.entries()) if (!seen.has(index)) expect(after[place]).toBe(index);
      }),
    );
  });

  it('leaves out the parts of scores, which add up to no logit of the cascade', async () => {
    const told = () =>
      fakeReranker({
        logit: ({ docId }) => 10 + Number(docId.slice(1)),
        answer: (ranking) => ({
          ...ranking,
          candidates: ranking.candidates.map((one) => ({
            ...one,
            parts: [{ name: 'ranking', value: one.logit }],
          })),
        }),
      });
    const { candidates } = await cascadeReranker({ cheap: told(), dear: told(), first: 2 }).rerank(listOf(4));
    for (const { parts } of candidates) expect(parts).toBeUndefined();
  });

  it('sums what both read, and what both dropped', async () => {
    const usage = { tokens: 10, truncatedTokens: 1, statesFound: 2, statesEncoded: 3 };
    const dropped = { statesDropped: 1, layerTokensSaved: 70 };
    const one = (more: Partial<RankingUsage> = {}) =>
      fakeReranker({ answer: (ranking) => ({ ...ranking, usage: { ...usage, ...more } }) });
    const sumOf = async (cheap: Reranker, dear: Reranker) =>
      (await cascadeReranker({ cheap, dear, first: 2 }).rerank(listOf(3))).usage;
    const sum = { tokens: 20, truncatedTokens: 2, statesFound: 4, statesEncoded: 6 };
    expect(await sumOf(one(), one())).toEqual(sum);
    expect(await sumOf(one(), one(dropped))).toEqual({ ...sum, ...dropped });
    const both = { statesDropped: 2, layerTokensSaved: 140 };
    expect(await sumOf(one(dropped), one(dropped))).toEqual({ ...sum, ...both });
  });

  it('counts a candidate as read that either of both has read', async () => {
    const without = (unread: readonly number[]) =>
      fakeReranker({
        answer: (ranking) => ({
          ...ranking,
          candidates: ranking.candidates.map((one) =>
            unread.includes(one.index) ? { ...one, isRead: false } : one,
          ),
        }),
      });
    // The dear one, which sees the first two, reads neither of them; the cheap one has read the first.
    const cascade = cascadeReranker({ cheap: without([1, 2]), dear: without([0, 1]), first: 2 });
    const { candidates, usage } = await cascade.rerank(listOf(4));
    expect(candidates.filter(({ isRead }) => isRead === false).map(({ index }) => index)).toEqual([1, 2]);
    expect(usage.read).toBe(2);
  });

  it('has digests of both, and of the rule', () => {
    const digests = (options: Partial<CascadeOptions>, cheap = 'a'): string =>
      Object.values(
        cascadeReranker({
          cheap: fakeReranker({ info: { encodingDigest: cheap } }),
          dear: fakeReranker(),
          ...options,
        }).info,
      ).join();
    expect(new Set([digests({}), digests({}, 'b'), digests({ first: 3 }), digests({ margin: 1 })]).size).toBe(
      4,
    );
    expect(digests({})).toBe(digests({ first: 20 }));
  });

  it('prepares for both, and closes both', async () => {
    const able = () =>
      wrapped(fakeReranker(), {
        prepare: async () => ({ statesFound: 1, statesEncoded: 2, truncated: ['b'] }),
        countTokens: async () => 5,
      });
    const [cheap, dear] = [able(), able()];
    const cascade = cascadeReranker({ cheap, dear });
    const documents = ['a', 'b'].map((docId) => ({ docId, text: docId }));
    expect(await cascade.prepare!(documents)).toEqual({ statesFound: 2, statesEncoded: 4, truncated: ['b'] });
    expect(await cascade.countTokens!(listOf(2))).toBe(10);
    await cascade.close();
    for (const one of [cheap, dear]) await expect(one.rerank(listOf(2))).rejects.toThrow(TypeError);
  });

  it('gives the dear reranker the time that is left', async () => {
    let leftMs: number | undefined;
    const dear = fakeReranker();
    const watched = wrapped(dear, {
      rerank: (list, call) => {
        leftMs = call?.deadlineMs;
        return dear.rerank(list, call);
      },
    });
    await cascadeReranker({ cheap: fakeReranker({ delayMs: 30 }), dear: watched }).rerank(listOf(3), {
      deadlineMs: 1000,
    });
    expect(leftMs).toBeLessThanOrEqual(975);
  });

  it('refuses a dear ranking that loses a candidate', async () => {
    const dear = fakeReranker({
      answer: (ranking) => ({ ...ranking, candidates: ranking.candidates.slice(1) }),
    });
    await expect(cascadeReranker({ cheap: fakeReranker(), dear }).rerank(listOf(3))).rejects.toThrow(
      InferenceError,
    );
  });

  it('refuses impossible options, all at once', () => {
    const make = () =>
      cascadeReranker({
        cheap: fakeReranker(),
        dear: fakeReranker(),
        first: 0,
        margin: Number.NaN,
        cutoff: 0.5,
      });
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow(/first: .*margin: .*cutoff: .*margin: expected none beside first/);
    const wrong = () => cascadeReranker({ cheap: fakeReranker(), dear: {}, windw: 3 } as never);
    expect(wrong).toThrow(/dear: expected a reranker, got {}.*windw: there is no option "windw"/);
    expect(() => cascadeReranker({ cheap: fakeReranker() } as never)).toThrow(/dear: required/);
  });

  it('keeps what either says of the whole list: the decision of a router among them', async () => {
    const [silent, saying] = [fakeReranker(), sayingReranker(fakeReranker())];
    const saidBy = (cheap: Reranker, dear: Reranker) =>
      cascadeReranker({ cheap, dear, first: 2 }).rerank(listOf(3));
    expect(await saidBy(saying, silent)).toMatchObject(saidOfList);
    expect(await saidBy(silent, saying)).toMatchObject(saidOfList);
    // Two routers: the dear one's decision is about those who come first.
    const routed = { ...saidOfList.routed!, to: 'another' };
    const other = fakeReranker({ answer: (ranking) => ({ ...ranking, routed }) });
    expect((await saidBy(saying, other)).routed).toEqual(routed);
    expect((await saidBy(other, saying)).routed).toEqual(saidOfList.routed);
  });

  it.each([
    { says: 'the dear one, which read the best', cheap: 0.2, dear: 0.7, rule: { first: 3 }, expected: 0.7 },
    { says: 'the cheap one where the dear one tells none', cheap: 0.2, rule: { first: 3 }, expected: 0.2 },
    { says: 'the dear one where the cheap one tells none', dear: 0.7, rule: { first: 3 }, expected: 0.7 },
    // The best candidate is sure, and the dear one never saw it.
    {
      says: 'the cheap one where the dear one read the edge of the page alone',
      cheap: 0.9,
      dear: 0.1,
      rule: { margin: 0.2, cutoff: 2 },
      expected: 0.9,
    },
    { says: 'nobody', rule: { first: 3 }, expected: undefined },
  ])('takes whether the list can be answered from $says', async ({ cheap, dear, rule, expected }) => {
    const logits = [10, 5, 4.9, 4.8, 0];
    const telling = (answerable: number | undefined) =>
      fakeReranker({
        logit: ({ docId }) => logits[Number(docId.slice(1))]!,
        answer: (ranking) => (answerable === undefined ? ranking : { ...ranking, answerable }),
      });
    const cascade = cascadeReranker({ cheap: telling(cheap), dear: telling(dear), ...rule });
    expect((await cascade.rerank(listOf(5))).answerable).toBe(expected);
  });
});

describe('firstStageReranker', () => {
  it('keeps the order of the list, whatever its scores', async () => {
    const list = listOf(3);
    const odd = list.candidates.map((candidate, i) => ({ ...candidate, firstStageScore: i }));
    const { candidates, usage } = await firstStageReranker().rerank({ ...list, candidates: odd });
    expect(candidates.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(usage.tokens).toBe(0);
  });
});
