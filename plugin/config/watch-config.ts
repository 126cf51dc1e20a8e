/** Tells of changes of the configuration file. */
import { type StatWatcher, unwatchFile, watchFile } from 'node:fs';

/** How often the file is looked at, in milliseconds; mounted volumes tell of no change by themselves. */
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
  /** Calls this on every change from now on, and at once if there was one before. */
  tell(onChange: () => void): void;
  /** Ends it. */
  close(): void;
}

/**
 * Watches the file from now on, also where it is replaced by another or a link is turned: begin before the file is
 * read, and what changes while it is being taken is not missed.
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
