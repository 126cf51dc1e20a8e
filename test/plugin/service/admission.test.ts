import { describe, expect, it } from 'vitest';
import { type Admission, admission } from '../../../plugin/service/admission.ts';
import { serviceMetrics } from '../../../plugin/service/metrics.ts';

interface Learned {
  readonly admitted: Admission;
  readonly enter: (leftMs: number, work?: () => Promise<void>) => Promise<void>;
  /** A ranking that ends without an answer after so many milliseconds. */
  readonly giveUp: (afterMs: number) => Promise<void>;
}

/** An admission whose clock is the test's, after a ranking of 600 ms; one of its slots is taken. */
async function learned(maxConcurrent = 1): Promise<Learned> {
  let nowMs = 0;
  const admitted = admission({
    settings: () => ({ maxConcurrent, maxQueue: 9, deadlineMs: 1500 }),
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
  return {
    admitted,
    enter: (leftMs, work = async () => {}) => admitted.run(entrant(leftMs), work),
    giveUp: async (afterMs) => {
      const given = admitted.run(entrant(1500), async () => {
        nowMs += afterMs;
        throw new Error('late');
      });
      await given.catch(() => {});
    },
  };
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
    expect(() => admitted.assertRoom(0)).not.toThrow();
    void enter(1500);
    // Behind that one an answer would come after 1800 ms, and the service answers within 1500.
    expect(() => admitted.assertRoom(0)).toThrow('before the deadline');
  });

  it('counts what a request has waited for already', async () => {
    const { admitted } = await learned();
    // The turn comes after 600 ms, the answer after 1200, and 1500 ms are allowed from the request's first byte on.
    expect(() => admitted.assertRoom(200)).not.toThrow();
    expect(() => admitted.assertRoom(400)).toThrow('before the deadline');
  });

  it('always takes a request while a slot is free, or it would never learn that rankings have become quick', async () => {
    const { admitted } = await learned(2);
    expect(() => admitted.assertRoom(1400)).not.toThrow();
  });

  it('does not take rankings that ran out of time for quick ones, and let in ever more that do', async () => {
    const { enter, giveUp } = await learned(2);
    for (let i = 0; i < 50; i += 1) await giveUp(100);
    void enter(1500, () => new Promise<void>(() => {}));
    // Both slots are taken: as before, a turn comes after 300 ms and the answer after 900.
    await expect(enter(800)).rejects.toMatchObject({ kind: 'overloaded' });
  });
});
