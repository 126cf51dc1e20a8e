import { describe, expect, it } from 'vitest';
import type { Adapter, Plan } from '../../../adapters/adapter.ts';
import { DeadlineExceededError, FirstStageError } from '../../../engine/index.ts';
import { rescoringStage, type StageEvents, type UnrerankedEvent } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import {
  type MemoryRequest,
  type MemoryResponse,
  memoryAdapter,
} from '../../support/doubles/memory-adapter.ts';

const hits = [
  { id: 'a', text: 'beans' },
  { id: 'b', text: 'stars' },
];
const whole: MemoryResponse = { total: 2, hits };
const cut: MemoryResponse = { total: 1, hits: hits.slice(0, 1) };
const warning = { code: 'limit', message: 'Raise the limit.' };

type MemoryPlan = Plan<MemoryRequest>;

/** An adapter whose plans are refused when the answer is one of `cut`, or an error. */
const adapter: Adapter<MemoryRequest, MemoryResponse> = {
  ...memoryAdapter(hits),
  refusedChanges: (plan, answer) =>
    plan.reason === undefined && (answer === cut || answer instanceof FirstStageError) ? warning : undefined,
};
const refusal = new FirstStageError('Refused.', { adapter: 'memory', statusCode: 400 });

const opened = (events: StageEvents = {}) => rescoringStage({ adapter, reranker: fakeReranker(), events });
const request = { query: 'stars' };

describe('a stage whose first stage refuses what was changed', () => {
  it('sends the very request that it was given, and says why it is not reranked', async () => {
    const plans: MemoryPlan[] = [];
    const told: UnrerankedEvent[] = [];
    const unreranked = (event: UnrerankedEvent): void => void told.push(event);
    const response = await opened({ unreranked }).search(request, {
      search: async (plan) => {
        plans.push(plan);
        return plan.reason ? whole : cut;
      },
    });
    expect(plans).toHaveLength(2);
    expect(plans[1]!.request).toBe(request);
    expect(response.hits.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(response.blockrank).toMatchObject({ reranked: false, reason: 'first-stage-error' });
    expect(told).toMatchObject([{ reason: 'first-stage-error', warnings: [warning] }]);
  });

  it('rejects with what the request as it came is refused with', async () => {
    const second = new FirstStageError('Still refused.', { adapter: 'memory', statusCode: 400 });
    const search = opened().search(request, {
      search: (plan) => Promise.reject(plan.reason ? second : refusal),
    });
    await expect(search).rejects.toBe(second);
  });

  it('asks nothing again once nobody waits', async () => {
    const answers: ((response: MemoryResponse) => void)[] = [];
    const search = opened().search(request, {
      deadlineMs: 5,
      search: () => new Promise((resolve) => void answers.push(resolve)),
    });
    await expect(search).rejects.toBeInstanceOf(DeadlineExceededError);
    answers[0]!(cut);
    await new Promise((resolve) => setImmediate(resolve));
    expect(answers).toHaveLength(1);
  });

  it('asks all of several searches again when one that was refused ended all of them', async () => {
    const asked: (readonly MemoryPlan[])[] = [];
    const found = await opened().searchMany([request, { ...request, sort: 'price' }], {
      searchMany: async (plans) => {
        asked.push(plans);
        if (asked.length === 1) throw refusal;
        return plans.map(() => whole);
      },
    });
    expect(asked.map((plans) => plans.map(({ reason }) => reason))).toEqual([
      [undefined, 'explicit-sort'],
      ['first-stage-error', 'explicit-sort'],
    ]);
    expect(found.map((one) => (one as MemoryResponse).blockrank?.reason)).toEqual([
      'first-stage-error',
      'explicit-sort',
    ]);
  });

  it('gives an error for those searches alone that could not be asked again', async () => {
    const gone = new Error('The connection broke.');
    let calls = 0;
    const found = await opened().searchMany([request, request], {
      searchMany: async () => {
        calls += 1;
        if (calls > 1) throw gone;
        return [cut, whole];
      },
    });
    expect(found[0]).toBe(gone);
    expect((found[1] as MemoryResponse).blockrank?.reranked).toBe(true);
  });
});
