/** Runs a server until SIGTERM or Ctrl-C, and follows its configuration file meanwhile. */
import { onAbort } from '../../../engine/index.ts';
import { type WatchOptions, watchConfig } from '../../config/index.ts';
import type { CliContext } from '../context.ts';
import { untilTold } from './until-told.ts';

/** A server that follows a file. */
export interface Following<T> {
  /** Path of the file; absent where there is no file to follow. */
  readonly path: string | undefined;
  /** Options of the watch on the file. */
  readonly watch: WatchOptions;
  /** Reads the file, and opens the server. */
  open(): Promise<T>;
  /** Takes the changed file, or tells why not; never rejects. Calls do not overlap. */
  reload(running: T): Promise<void>;
}

/** Runs the server until SIGTERM or Ctrl-C. Rejects when opening or closing rejects. */
export function runFollowing<T extends { close(): Promise<void> }>(
  context: CliContext,
  { path, watch: options, open, reload }: Following<T>,
): Promise<void> {
  return untilTold(context, async (signal) => {
    // The watch begins before the file is read, so that a change while the models open is taken afterwards.
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
