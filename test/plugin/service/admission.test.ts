import { describe, expect, it } from 'vitest';
import { type Admission, admission } from '../../../plugin/service/admission.ts';
import { serviceMetrics } from '../../../plugin/service/metrics.ts';

/** An admission of one slot whose clock is the test's, after a ranking of 600 ms. */
async function learned(): Promise<{ admitted: Admission; enter: (leftMs: number) => Promise<void> }> {
  let nowMs = 0;
  const admitted = admission({
    settings: () => ({ maxConcurrent: 1, maxQueue: 9, deadlineMs: 1500 }),
    metrics: serviceMetrics(),
    now: () => nowMs,
    threadUse: () => 1,
  });
  const { signal } = new AbortController();
  const entrant = (leftMs: number) => ({ signal, leftMs, model: 'blockrank' });
  await admitted.run(entrant(1500), async () => {
    nowMs = 600;
  });
  // One takes the slot for good.
  void admitted.run(entrant(1500), () => new Promise<void>(() => {}));
  return { admitted, enter: (leftMs) => admitted.run(entrant(leftMs), async () => {}) };
}

describe('admission', () => {
  it('counts the ranking itself, not the turn alone: a turn in time for no answer is none', async () => {
    const { enter } = await learned();
    // The turn comes after 600 ms, the answer after 1200.
    await expect(enter(1100)).rejects.toMatchObject({ kind: 'overloaded' });
    await expect(Promise.race([enter(1300), 'waits'])).resolves.toBe('waits');
  });

  it('refuses before a body is read once no request could be answered within the service’s limit', async () => {
    const { admitted, enter } = await learned();
    expect(() => admitted.assertRoom()).not.toThrow();
    void enter(1500);
    // Behind that one an answer would come after 1800 ms, and the service answers within 1500.
    expect(() => admitted.assertRoom()).toThrow('before the deadline');
  });
});
