/** Runs something until it is told to end; it follows its configuration file meanwhile. */
import { type WatchOptions, watchConfig } from '../config/index.ts';
import type { CliContext } from './context.ts';

/** What runs. */
export interface Following<T> {
  /** The file; absent where there is none to follow. */
  readonly path: string | undefined;
  /** How it is watched. */
  readonly watch: WatchOptions;
  /** Reads the file, and opens what runs. */
  open(): Promise<T>;
  /** Takes the file anew, or tells why not; never rejects. Called once at a time. */
  reload(running: T): Promise<void>;
}

/** Runs it until SIGTERM or Ctrl-C. Rejects with what opening or closing rejected with. */
export async function runFollowing<T extends { close(): Promise<void> }>(
  { signal }: CliContext,
  { path, watch: options, open, reload }: Following<T>,
): Promise<void> {
  // Before anything is opened: a process that is the first of its container has no other way to be ended.
  const ending = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  // Before the file is read: what changes while the models are being opened is taken after them.
  const watch = watchConfig(path, options);
  try {
    const running = await open();
    let last = Promise.resolve();
    watch.tell(() => {
      last = last.then(() => reload(running));
    });
    await ending;
    watch.close();
    await running.close();
  } finally {
    watch.close();
  }
}
