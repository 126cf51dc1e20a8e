/** Watches the configuration file for changes. */
import { type StatWatcher, unwatchFile, watchFile } from 'node:fs';

/** How often the watch looks at the file, in milliseconds; mounted volumes send no events. */
const watchIntervalMs = 1000;

/** Options of {@link watchConfig}. */
export interface WatchOptions {
  /** Whether SIGHUP counts as a change. @defaultValue false */
  readonly onHangup?: boolean | undefined;
  /** Whether waiting for a change keeps the process alive. @defaultValue false */
  readonly keepsAlive?: boolean | undefined;
}

/** A watch on a file. */
export interface ConfigWatch {
  /** Calls the function on every later change, and at once if the file has changed already. */
  tell(onChange: () => void): void;
  /** Ends the watch. */
  close(): void;
}

/**
 * Watches the file from now on; replacing the file, or a link on its path, counts as a change. Begin the watch before
 * reading the file, so that no change in between is missed.
 */
export function watchConfig(
  path: string | undefined,
  { onHangup = false, keepsAlive = false }: WatchOptions = {},
): ConfigWatch {
  let wasChanged = false;
  let told = (): void => {
    wasChanged = true;
  };
  const onChange = (): void => told();
  if (onHangup) process.on('SIGHUP', onChange);
  const onStat: Parameters<typeof watchFile>[1] = (now, before) => {
    const isThere = now.mtimeMs !== 0;
    if (isThere && (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino)) onChange();
  };
  const settings = { interval: watchIntervalMs, persistent: keepsAlive };
  const watcher: StatWatcher | undefined = path === undefined ? undefined : watchFile(path, settings, onStat);
  return {
    tell(next) {
      told = next;
      if (wasChanged) next();
    },
    close() {
      process.off('SIGHUP', onChange);
      if (watcher && path !== undefined) unwatchFile(path, onStat as never);
    },
  };
}
