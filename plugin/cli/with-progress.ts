/** A bar for work whose size shows only while it is done. */
import type { CliContext, Progress } from './context.ts';

/** A bar that is not there before it is moved. */
export interface LateProgress {
  /** Moves it. @param total - How much there is to do; what was said first counts. */
  readonly move: (done: number, total: number) => void;
  /** Takes it away for good. */
  stop(): void;
}

/** Runs work with a bar that it moves; the bar is taken away after it. @param label - What is going on. */
export async function withProgress<T>(
  context: CliContext,
  label: string,
  work: (bar: LateProgress) => Promise<T>,
): Promise<T> {
  let bar: Progress | undefined;
  const stop = (): void => bar?.stop();
  try {
    return await work({
      move(done, total) {
        bar ??= context.progress(label, total);
        bar.update(done);
      },
      stop,
    });
  } finally {
    stop();
  }
}
