/** A bar for work whose size is known only while it runs. */
import type { CliContext, Progress } from './context.ts';

/** A bar that appears with its first move. */
export interface LateProgress {
  /** Moves the bar. @param total - The amount of work; the first call's value counts. @param note - Shown behind it. */
  readonly move: (done: number, total: number, note?: string) => void;
  /** Removes the bar for good. */
  stop(): void;
}

/** Runs work with a bar that the work moves, and removes the bar after it. @param label - The work. */
export async function withProgress<T>(
  context: CliContext,
  label: string,
  work: (bar: LateProgress) => Promise<T>,
): Promise<T> {
  let bar: Progress | undefined;
  const stop = (): void => bar?.stop();
  try {
    return await work({
      move(done, total, note) {
        bar ??= context.progress(label, total);
        bar.update(done, note);
      },
      stop,
    });
  } finally {
    stop();
  }
}
