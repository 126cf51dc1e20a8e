/** Runs work that goes on until it is told to end. */
import type { CliContext } from '../context.ts';

/**
 * Runs it with a signal that SIGTERM and Ctrl-C abort. Call this before anything is opened: a process that is the first
 * of its container has no other way to be ended.
 */
export async function untilTold<T>(
  context: CliContext,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  const end = (): void => ending.abort(new DOMException('Ended.', 'AbortError'));
  process.once('SIGTERM', end);
  try {
    return await work(AbortSignal.any([context.signal, ending.signal]));
  } finally {
    process.off('SIGTERM', end);
  }
}
