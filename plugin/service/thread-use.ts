/** Measures how busy this thread is. */
import { performance } from 'node:perf_hooks';

/** Least time over which a share is measured, in milliseconds. */
const windowMs = 250;

/** Makes a function that gives the share of recent time in which the thread was busy, in [0, 1]. */
export function threadUse(): () => number {
  let before = performance.eventLoopUtilization();
  let since = performance.now();
  let use = 0;
  return () => {
    if (performance.now() - since >= windowMs) {
      const now = performance.eventLoopUtilization();
      use = performance.eventLoopUtilization(now, before).utilization;
      before = now;
      since = performance.now();
    }
    return use;
  };
}
