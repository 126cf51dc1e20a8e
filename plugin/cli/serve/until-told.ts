/** Runs work that goes on until SIGTERM or Ctrl-C. */
import type { CliContext } from '../context.ts';

/**
 * Runs work with a signal that SIGTERM and Ctrl-C abort. Call this before anything is opened: the first process of a
 * container ends on SIGTERM only when it listens.
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
