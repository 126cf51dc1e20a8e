/** The time that a call has left, for the second of two calls in a row. */
import type { RerankOptions } from '../contract.ts';

/** The options with the times that are left since `started` (of `performance.now()`). */
export function remaining(options: RerankOptions, started: number): RerankOptions {
  const { deadlineMs, readWithinMs } = options;
  const elapsedMs = performance.now() - started;
  return {
    ...options,
    ...(deadlineMs !== undefined && { deadlineMs: deadlineMs - elapsedMs }),
    ...(readWithinMs !== undefined && { readWithinMs: readWithinMs - elapsedMs }),
  };
}
