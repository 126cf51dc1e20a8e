import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryLimitError, QueryError } from '../../../engine/index.ts';
import { type BreakerOptions, rescoringStage } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { memoryAdapter } from '../../support/doubles/memory-adapter.ts';

const forever = (): Promise<never> => new Promise(() => {});
const broken = (): Promise<never> => Promise.reject(new Error('broken'));

/** A stage whose reranker does what `fault` says now, with the breaker's states as they came. */
function open(fault: () => unknown, breaker: BreakerOptions | false = {}) {
  const states: string[] = [];
  const reranker = fakeReranker({ fault: () => behaviour.now() });
  const behaviour = { now: fault };
  const stage = rescoringStage({
    adapter: memoryAdapter([{ id: 'a', text: 'a' }]),
    reranker,
    breaker: breaker && { consecutiveFailures: 3, halfOpenAfterMs: 20, ...breaker },
    events: { breaker: ({ state }) => states.push(state) },
  });
  let asked = 0;
  const reasonOf = async (deadlineMs?: number): Promise<string | undefined> => {
    asked += 1;
    const search = stage.search({ query: `query ${asked}` }, { deadlineMs });
    if (deadlineMs !== undefined) await vi.advanceTimersByTimeAsync(deadlineMs);
    return (await search).blockrank?.reason;
  };
  return { states, reranker, behaviour, stage, reasonOf };
}

describe('the circuit breaker', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('opens after failures in a row, and closes when a call succeeds again', async () => {
    const { states, reranker, behaviour, stage, reasonOf } = open(broken);
    for (const _ of [1, 2, 3]) expect(await reasonOf()).toBe('rerank-error');
    expect(stage.breakerState).toBe('open');
    expect(await reasonOf()).toBe('circuit-open');
    expect(reranker.calls).toHaveLength(3);
    behaviour.now = () => undefined;
    await vi.advanceTimersByTimeAsync(40);
    expect(await reasonOf()).toBeUndefined();
    expect(states).toEqual(['open', 'half-open', 'closed']);
  });

  it('opens again when the call that may try fails', async () => {
    const { states, reasonOf } = open(broken);
    for (const _ of [1, 2, 3]) await reasonOf();
    await vi.advanceTimersByTimeAsync(40);
    expect(await reasonOf()).toBe('rerank-error');
    expect(await reasonOf()).toBe('circuit-open');
    expect(states).toEqual(['open', 'half-open', 'open']);
  });

  it('counts a reranker that lets the deadline pass', async () => {
    const { reasonOf } = open(forever);
    for (const _ of [1, 2, 3]) expect(await reasonOf(15)).toBe('deadline');
    expect(await reasonOf(15)).toBe('circuit-open');
  });

  it('does not count a deadline that the first stage used up', async () => {
    const wait = () => new Promise((resolve) => setTimeout(resolve, 12));
    const adapter = memoryAdapter([{ id: 'a', text: 'a' }], { fault: wait });
    const reranker = fakeReranker({ fault: forever });
    const stage = rescoringStage({ adapter, reranker, breaker: { consecutiveFailures: 1 } });
    const search = stage.search({ query: 'words' }, { deadlineMs: 15 });
    await vi.advanceTimersByTimeAsync(15);
    expect((await search).blockrank?.reason).toBe('deadline');
    expect(stage.breakerState).toBe('closed');
  });

  it('does not count queries without words', async () => {
    const { stage, reasonOf } = open(() => Promise.reject(new QueryError('no words')));
    for (const _ of [1, 2, 3, 4]) expect(await reasonOf()).toBe('no-query-text');
    expect(stage.breakerState).toBe('closed');
  });

  it('does not count lists that are too large', async () => {
    const tooLarge = new MemoryLimitError('too large', { neededBytes: 2, allowedBytes: 1 });
    const { stage, reasonOf } = open(() => Promise.reject(tooLarge));
    for (const _ of [1, 2, 3, 4]) expect(await reasonOf()).not.toBe('circuit-open');
    expect(stage.breakerState).toBe('closed');
  });

  it('does not count callers who gave up, and does not forgive for them', async () => {
    const { stage, behaviour, reranker, reasonOf } = open(broken);
    await reasonOf();
    await reasonOf();
    behaviour.now = forever;
    const controller = new AbortController();
    const search = stage.search({ query: 'given up' }, { signal: controller.signal });
    await vi.advanceTimersByTimeAsync(0);
    expect(reranker.calls).toHaveLength(3);
    controller.abort(new Error('gone'));
    await expect(search).rejects.toThrow('gone');
    expect(stage.breakerState).toBe('closed');
    behaviour.now = broken;
    await reasonOf();
    expect(stage.breakerState).toBe('open');
  });

  it('stays open when the caller of the call that may try gives up', async () => {
    const { stage, behaviour, reranker, reasonOf } = open(broken);
    for (const _ of [1, 2, 3]) await reasonOf();
    behaviour.now = forever;
    await vi.advanceTimersByTimeAsync(40);
    const controller = new AbortController();
    const search = stage.search({ query: 'given up' }, { signal: controller.signal });
    await vi.advanceTimersByTimeAsync(0);
    expect(reranker.calls).toHaveLength(4);
    expect(stage.breakerState).toBe('half-open');
    controller.abort(new Error('gone'));
    await expect(search).rejects.toThrow('gone');
    await vi.advanceTimersByTimeAsync(0);
    expect(stage.breakerState).toBe('open');
  });

  it('is not there when switched off', async () => {
    const { stage, reasonOf } = open(broken, false);
    for (const _ of [1, 2, 3, 4, 5, 6]) expect(await reasonOf()).toBe('rerank-error');
    expect(stage.breakerState).toBe('closed');
  });
});
