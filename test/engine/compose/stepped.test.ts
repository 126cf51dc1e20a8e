import { describe, expect, it } from 'vitest';
import {
  applySteps,
  defaultScoreSteps,
  fusion,
  QueryError,
  type Ranking,
  type ScoreStep,
  ScoreStepError,
  type StepContext,
  steppedReranker,
  wrapped,
} from '../../../engine/index.ts';
import { rankLogits } from '../../../engine/scores/ranking.ts';
import { fakeReranker, rerankerSuite } from '../../../plugin/testing/index.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';

const list = shortlistOf('dogs', 'cats', 'dogs', 'birds');
const orderOf = ({ candidates }: Ranking): number[] => candidates.map(({ index }) => index);
/** Changes logits alone: order and scores stay those of before. */
const withLogits =
  (logit: (index: number) => number): ScoreStep =>
  (ranking) => ({
    ...ranking,
    candidates: ranking.candidates.map((candidate) => ({ ...candidate, logit: logit(candidate.index) })),
  });
const seen = (watch: (context: StepContext) => void): ScoreStep => {
  return (ranking, _shortlist, context) => {
    watch(context);
    return ranking;
  };
};

rerankerSuite({
  name: 'a reranker with score steps',
  open: () => steppedReranker(fakeReranker(), [fusion({ weight: 0 }), async (ranking) => ranking]),
});

describe('steppedReranker', () => {
  it('applies the steps one after another, each to what the one before left', async () => {
    const plusOne = withLogits((index) => index);
    const turned: ScoreStep = async (ranking) => withLogits((index) => -index)(ranking, list, {} as never);
    expect(orderOf(await steppedReranker(fakeReranker(), [turned, plusOne]).rerank(list))).toEqual([2, 1, 0]);
    expect(orderOf(await steppedReranker(fakeReranker(), [plusOne, turned]).rerank(list))).toEqual([0, 1, 2]);
  });

  it('is the reranker itself without steps', () => {
    const reranker = fakeReranker();
    expect(steppedReranker(reranker, [])).toBe(reranker);
  });

  it('hands the steps the signal of the call', async () => {
    const { signal } = new AbortController();
    const signals: AbortSignal[] = [];
    const reranker = steppedReranker(fakeReranker(), [seen((context) => signals.push(context.signal))]);
    await reranker.rerank(list, { signal });
    await reranker.rerank(list);
    expect(signals[0]).toBe(signal);
    expect(signals[1]!.aborted).toBe(false);
  });

  it('hands the steps embedder and anchors where the reranker has them, and asks for anchors once', async () => {
    const embedder = { embed: async () => ({ width: 1, rows: Float32Array.of(1) }) };
    const asked: unknown[] = [];
    const anchored = wrapped(fakeReranker(), {
      embedder,
      anchors: async (...given) => {
        asked.push(given);
        return { width: 1, rows: Float32Array.of(1, 2, 3) };
      },
    });
    const contexts: StepContext[] = [];
    const step: ScoreStep = async (ranking, _shortlist, context) => {
      contexts.push(context);
      const [first, second] = [await context.anchors?.(), await context.anchors?.()];
      expect(first).toBe(second);
      return ranking;
    };
    const { signal } = new AbortController();
    await steppedReranker(anchored, [step, step]).rerank(list, { signal, tenant: 'shop' });
    await steppedReranker(fakeReranker(), [step]).rerank(list);
    expect(asked).toEqual([[list, { signal, tenant: 'shop' }]]);
    expect(contexts.map((context) => context.embedder)).toEqual([embedder, embedder, undefined]);
    expect(contexts[2]!.anchors).toBeUndefined();
  });

  it('does not fall over when a step asks for anchors and leaves before they fail', async () => {
    const anchored = wrapped(fakeReranker(), { anchors: () => Promise.reject(new Error('no anchors')) });
    const step = seen((context) => void context.anchors?.());
    expect(orderOf(await steppedReranker(anchored, [step]).rerank(list))).toEqual([1, 0, 2]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it("hands the steps each candidate's signals, in shortlist order", async () => {
    const [first, ...rest] = list.candidates;
    const priced = { ...list, candidates: [{ ...first!, signals: { price: 3, tags: ['a', 'b'] } }, ...rest] };
    const signals: unknown[] = [];
    await steppedReranker(fakeReranker(), [seen((context) => signals.push(context.signals))]).rerank(priced);
    expect(signals).toEqual([[{ price: 3, tags: ['a', 'b'] }, {}, {}]]);
  });
});

describe('applySteps', () => {
  const ranking = rankLogits([1, 3, 2]);

  it('orders and normalises again what a step left', async () => {
    const { candidates } = await applySteps(ranking, list, {
      steps: [withLogits((index) => Math.log(index + 1))],
    });
    expect(candidates.map(({ index }) => index)).toEqual([2, 1, 0]);
    // softmax of ln 3, ln 2, ln 1
    for (const [i, score] of [3 / 6, 2 / 6, 1 / 6].entries())
      expect(candidates[i]!.score).toBeCloseTo(score, 12);
  });

  it('leaves what is in order and normalised as it is, to the last bit', async () => {
    const step = fusion({ weight: 0.3 });
    const fused = step(ranking, list);
    const after = await applySteps(ranking, list, { steps: [step] });
    expect(after).toEqual(fused);
    expect(await applySteps(ranking, list, { steps: [(same) => same] })).toBe(ranking);
  });

  it('fuses a lexical first stage at the share that the model was tuned with, where nothing else is said', async () => {
    const { info } = fakeReranker({ info: { fusionWeight: 0.4 } });
    const after = await applySteps(ranking, list, { steps: defaultScoreSteps(info) });
    expect(after).toEqual(fusion({ weight: 0.4 })(ranking, list));
  });

  const [best] = ranking.candidates;
  it.each([
    ['loses a candidate', { ...ranking, candidates: ranking.candidates.slice(1) }, 'it holds 2 candidates'],
    [
      'adds a candidate',
      { ...ranking, candidates: [...ranking.candidates, { ...best!, index: 3 }] },
      'it holds 4',
    ],
    [
      'invents a candidate',
      { ...ranking, candidates: [{ ...best!, index: 7 }, ...ranking.candidates.slice(1)] },
      'position 7 is not on the shortlist',
    ],
    [
      'copies a candidate',
      { ...ranking, candidates: [best!, best!, ranking.candidates[2]!] },
      'position 1 comes twice',
    ],
    [
      'gives a logit that is none',
      withLogits(() => Number.NaN)(ranking, list, {} as never) as Ranking,
      'has the logit NaN',
    ],
    ['gives no ranking', undefined as unknown as Ranking, 'it holds no list of candidates'],
  ])('refuses a step that %s', async (_what, given, fault) => {
    for (const step of [() => given, async () => given]) {
      const error: unknown = await applySteps(ranking, list, { steps: [(same) => same, step] }).catch(
        (caught: unknown) => caught,
      );
      expect(error).toBeInstanceOf(ScoreStepError);
      expect(error).toMatchObject({ code: 'score-step', step: 1 });
      expect((error as Error).message).toContain(fault);
    }
  });

  it('names the step that threw, keeps its error as the cause, and passes typed errors on', async () => {
    const bug = new RangeError('off by one');
    for (const step of [() => Promise.reject(bug), () => throwing(bug)] satisfies ScoreStep[]) {
      const error: unknown = await applySteps(ranking, list, { steps: [step] }).catch(
        (caught: unknown) => caught,
      );
      expect(error).toBeInstanceOf(ScoreStepError);
      expect(error).toMatchObject({ step: 0, cause: bug });
      expect((error as Error).message).toBe('Cannot apply score step 0: off by one');
    }
    const typed = new QueryError('no words');
    await expect(applySteps(ranking, list, { steps: [() => throwing(typed)] })).rejects.toBe(typed);
  });

  it("ends with the signal's reason: before a step, while one hangs, and when a step ends for it", async () => {
    const reason = new Error('the caller left');
    const calls: string[] = [];
    const counted: ScoreStep = (same) => {
      calls.push('called');
      return same;
    };
    const signal = AbortSignal.abort(reason);
    await expect(applySteps(ranking, list, { steps: [counted], signal })).rejects.toBe(reason);
    expect(calls).toEqual([]);
    const hangs: ScoreStep = () => new Promise(() => {});
    const obeys: ScoreStep = (_same, _list, context) =>
      new Promise((_resolve, reject) =>
        context.signal.addEventListener('abort', () => reject(new Error('aborted'))),
      );
    for (const step of [hangs, obeys]) {
      const controller = new AbortController();
      const call = applySteps(ranking, list, { steps: [step], signal: controller.signal });
      setTimeout(() => controller.abort(reason), 5);
      await expect(call).rejects.toBe(reason);
    }
  });
});

function throwing(error: Error): never {
  throw error;
}
