/** Runs something until it is told to end; it follows its configuration file meanwhile. */
import { onAbort } from '../../../engine/index.ts';
import { type WatchOptions, watchConfig } from '../../config/index.ts';
import type { CliContext } from '../context.ts';
import { untilTold } from './until-told.ts';

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
export function runFollowing<T extends { close(): Promise<void> }>(
  context: CliContext,
  { path, watch: options, open, reload }: Following<T>,
): Promise<void> {
  return untilTold(context, async (signal) => {
    // Before the file is read: what changes while the models are being opened is taken after them.
    const watch = watchConfig(path, options);
    try {
      const running = await open();
      let last = Promise.resolve();
      watch.tell(() => {
        last = last.then(() => reload(running));
      });
      await new Promise<void>((resolve) => onAbort(signal, resolve));
      watch.close();
      await running.close();
    } finally {
      watch.close();
    }
  });
}
