import { describe, expect, it } from 'vitest';
import type { Ranking, Reranker } from '../../../engine/index.ts';
import {
  type FakeRerankerOptions,
  fakeReranker,
  rerankerSuite,
  type TestRunner,
} from '../../../plugin/testing/index.ts';

/** Runs the suite on a runner of its own and says which rules were broken. */
async function brokenRules(
  open: () => Reranker,
  skip: { test: string; reason: string }[] = [],
): Promise<string[]> {
  const tests: { name: string; run: () => Promise<void> }[] = [];
  const register = (name: string, run: () => Promise<void>): void => void tests.push({ name, run });
  const runner: TestRunner = {
    describe: (_name, define) => define(),
    it: Object.assign(register, { skip: () => undefined }),
  };
  rerankerSuite({ name: 'broken', open, skip, runner });
  const outcomes = await Promise.allSettled(tests.map(({ run }) => run()));
  return tests.filter((_test, i) => outcomes[i]?.status === 'rejected').map(({ name }) => name);
}

const fake = (options: FakeRerankerOptions) => () => fakeReranker(options);
const change = (edit: (ranking: Ranking) => Ranking['candidates']) =>
  fake({ answer: (ranking) => ({ ...ranking, candidates: edit(ranking) }) });

describe('rerankerSuite', () => {
  it('passes a sound reranker', async () => {
    expect(await brokenRules(fake({}))).toEqual([]);
  });

  it('catches a reranker that loses a candidate', async () => {
    expect(await brokenRules(change(({ candidates }) => candidates.slice(1)))).toContain(
      'ranks every candidate exactly once',
    );
  });

  it('catches a reranker that breaks ties backwards', async () => {
    expect(await brokenRules(change(({ candidates }) => candidates.toReversed()))).toContain(
      'keeps shortlist order between equal candidates',
    );
  });

  it('catches a reranker whose answers drift', async () => {
    let calls = 0;
    const drifting = fake({
      logit: (_candidate, _query, index) => {
        calls += 1;
        return Math.sin(calls + index);
      },
    });
    expect(await brokenRules(drifting)).toContain('gives the same answer twice');
  });

  it('catches a reranker that ignores its signal', async () => {
    expect(await brokenRules(fake({ obeysSignal: false, delayMs: 5 }))).toEqual([
      "rejects with the signal's reason when aborted before",
      "rejects with the signal's reason when aborted under way",
    ]);
  });

  it('leaves out the tests that are skipped', async () => {
    const skip = [
      { test: "rejects with the signal's reason when aborted before", reason: 'cannot be aborted' },
      { test: "rejects with the signal's reason when aborted under way", reason: 'cannot be aborted' },
    ];
    expect(await brokenRules(fake({ obeysSignal: false }), skip)).toEqual([]);
  });

  it('refuses to skip a test that is not there', async () => {
    await expect(brokenRules(fake({}), [{ test: 'flies', reason: 'no wings' }])).rejects.toThrow(RangeError);
  });
});
