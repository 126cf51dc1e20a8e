import { describe, expect, it } from 'vitest';
import {
  failoverReranker,
  QueryError,
  type ShadowComparison,
  shadowReranker,
  wrapped,
} from '../../../engine/index.ts';
import { fakeReranker, rerankerSuite } from '../../../plugin/testing/index.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';

const broken = (message: string) =>
  fakeReranker({
    info: { name: message },
    fault: () => {
      throw new Error(message);
    },
  });

rerankerSuite({
  name: 'a chain whose first fails',
  open: () => failoverReranker({ rerankers: [broken('gone'), fakeReranker()] }),
});
rerankerSuite({
  name: 'a reranker with a shadow',
  open: () => shadowReranker({ primary: fakeReranker(), shadow: broken('worse'), onComparison: () => {} }),
});

const list = shortlistOf('dogs', 'dogs', 'cats', 'birds');
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

describe('failoverReranker', () => {
  it('lets each one but the last read for half of the time that is left', async () => {
    const given: (number | undefined)[] = [];
    const watched = (reranker: ReturnType<typeof fakeReranker>) =>
      wrapped(reranker, {
        rerank: (shortlist, options) => {
          given.push(options?.readWithinMs);
          return reranker.rerank(shortlist, options);
        },
      });
    const chain = failoverReranker({ rerankers: [watched(broken('gone')), watched(fakeReranker())] });
    await chain.rerank(list, { deadlineMs: 100_000, readWithinMs: 80_000 });
    expect(Math.round(given[0]! / 1000)).toBe(40);
    expect(Math.round(given[1]! / 1000)).toBe(80);
  });

  it('is ready while any of its rerankers is', () => {
    const readiness = (...ready: boolean[]): boolean =>
      failoverReranker({ rerankers: ready.map((one) => fakeReranker({ info: { ready: one } })) }).info.ready;
    expect([readiness(true, false), readiness(false, true), readiness(false, false)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('asks the next one when one fails, and tells which and why', async () => {
    const told: [string, string, string][] = [];
    const last = fakeReranker({ info: { name: 'last' } });
    const chain = failoverReranker({
      rerankers: [broken('one'), broken('two'), last],
      onFailover: ({ from, to, error }) => told.push([from, to, (error as Error).message]),
    });
    await chain.rerank(list);
    expect(last.calls).toHaveLength(1);
    expect(told).toEqual([
      ['one', 'two', 'one'],
      ['two', 'last', 'two'],
    ]);
  });

  it('fails with what the last one failed with', async () => {
    const chain = failoverReranker({ rerankers: [broken('one'), broken('two')] });
    await expect(chain.rerank(list)).rejects.toThrow('two');
  });

  it('does not ask another about a query without words, nor for a caller who gave up', async () => {
    const next = fakeReranker();
    const wordless = fakeReranker({
      fault: () => {
        throw new QueryError('no word');
      },
    });
    await expect(failoverReranker({ rerankers: [wordless, next] }).rerank(list)).rejects.toThrow(QueryError);
    const slow = fakeReranker({ delayMs: 1000 });
    const deaf = fakeReranker({ obeysSignal: false }); // one that would not notice by itself
    const chain = failoverReranker({ rerankers: [slow, deaf] });
    await expect(chain.rerank(list, { signal: AbortSignal.timeout(10) })).rejects.toThrow();
    expect([next.calls.length, deaf.calls.length]).toEqual([0, 0]);
  });

  it('closes all of its rerankers', async () => {
    const rerankers = ['one', 'two', 'three'].map((name) => fakeReranker({ info: { name } }));
    await failoverReranker({ rerankers }).close();
    for (const reranker of rerankers) await expect(reranker.rerank(list)).rejects.toThrow(TypeError);
  });

  it('gives the next one the time that is left, not the whole', async () => {
    let leftMs: number | undefined;
    const slow = fakeReranker({
      delayMs: 30,
      fault: () => {
        throw new Error('slow and wrong');
      },
    });
    const next = fakeReranker();
    const watched = wrapped(next, {
      rerank: (shortlist, options) => {
        leftMs = options?.deadlineMs;
        return next.rerank(shortlist, options);
      },
    });
    await failoverReranker({ rerankers: [slow, watched] }).rerank(list, { deadlineMs: 1000 });
    expect(leftMs).toBeLessThanOrEqual(975);
  });
});

describe('failoverReranker with one that hangs', () => {
  const hanging = () => fakeReranker({ info: { name: 'hanging' }, fault: () => new Promise(() => {}) });

  it('asks the next one in time, whether the hanging one obeys its signal or not', async () => {
    for (const obeysSignal of [true, false]) {
      const stuck = fakeReranker({ fault: () => new Promise(() => {}), obeysSignal });
      const next = fakeReranker();
      const chain = failoverReranker({ rerankers: [stuck, next] });
      await chain.rerank(list, { deadlineMs: 1000, signal: AbortSignal.timeout(1000) });
      expect(next.calls).toHaveLength(1);
    }
  });

  it('lets it all the time there is where there is no deadline, and no other', async () => {
    const slow = fakeReranker({ delayMs: 60 });
    await failoverReranker({ rerankers: [hanging(), slow] }).rerank(list, { deadlineMs: 1000 });
    await failoverReranker({ rerankers: [slow, hanging()] }).rerank(list);
    await failoverReranker({ rerankers: [slow] }).rerank(list, { deadlineMs: 1000 });
    expect(slow.calls).toHaveLength(3);
  });
});

describe('shadowReranker', () => {
  const watch = (
    shadow = fakeReranker(),
    more: { share?: number; maxInFlight?: number; random?: () => number } = {},
  ) => {
    const seen: ShadowComparison[] = [];
    const primary = fakeReranker({ info: { name: 'primary' } });
    const reranker = shadowReranker({ primary, shadow, onComparison: (one) => seen.push(one), ...more });
    return { seen, primary, shadow, reranker };
  };

  it('tells how much of the first ten both agree on', async () => {
    const many = shortlistOf('any', ...Array.from({ length: 20 }, (_, i) => `document ${i}`));
    const reversed = fakeReranker({ logit: (_candidate, _query, index) => index });
    const { seen, reranker } = watch(reversed);
    await reranker.rerank(many);
    await settle();
    expect(seen).toMatchObject([{ primary: 'primary', overlap: 0 }]);
  });

  it('touches nobody when the shadow fails or is slow', async () => {
    const { seen, reranker } = watch(broken('worse'));
    await reranker.rerank(list);
    await settle();
    expect(seen[0]!.error).toBeInstanceOf(Error);
    const slow = watch(fakeReranker({ fault: () => new Promise(() => {}) }), { maxInFlight: 1 });
    // The shadow never answers: whoever waited for it would hang.
    await slow.reranker.rerank(list);
    await slow.reranker.rerank(list);
    await settle();
    expect(slow.shadow.calls).toHaveLength(1); // the second list passed it by
  });

  it('sees its share of the lists', async () => {
    const draws = [0.1, 0.6, 0.2];
    const { shadow, reranker } = watch(fakeReranker(), { share: 0.5, random: () => draws.shift()! });
    for (const _ of [1, 2, 3]) await reranker.rerank(list);
    await settle();
    expect(shadow.calls).toHaveLength(2);
  });
});
