import { describe, expect, it } from 'vitest';
import { workTime } from '../../../plugin/service/work-time.ts';

describe('workTime', () => {
  it('knows nothing before the first ranking ended, and believes the first', () => {
    const time = workTime();
    expect([time.meanMs, time.mostMs]).toEqual([0, 0]);
    time.learn(100, true);
    expect([time.meanMs, time.mostMs]).toEqual([100, 100]);
  });

  it('never takes a ranking that was given up for a quick one', () => {
    const time = workTime();
    time.learn(100, true);
    for (let i = 0; i < 50; i += 1) time.learn(5, false);
    expect(time.meanMs).toBe(100);
  });

  it('learns from one that was given up later than the mean that rankings take longer', () => {
    const time = workTime();
    time.learn(100, true);
    time.learn(200, false);
    expect(time.meanMs).toBeCloseTo(110);
  });

  it('tells a time that few exceed: the more they differ, the longer', () => {
    const even = workTime();
    const uneven = workTime();
    for (let i = 0; i < 200; i += 1) {
      even.learn(100, true);
      uneven.learn(i % 2 === 0 ? 50 : 150, true);
    }
    expect(even.mostMs).toBeCloseTo(100);
    expect(uneven.meanMs).toBeCloseTo(100, -1);
    expect(uneven.mostMs).toBeGreaterThan(200);
  });
});
