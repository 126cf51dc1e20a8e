/** Where files that can be made anew are kept. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * `BLOCKRANK_CACHE` where it is set, else `~/.cache/blockrank`, else a folder for temporary files when the home
 * folder cannot be written (read-only containers).
 *
 * @param environment - Environment variables. @defaultValue `process.env`
 */
export function defaultCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const named = environment['BLOCKRANK_CACHE'];
  if (named) return named;
  const atHome = join(homedir(), '.cache', 'blockrank');
  try {
    mkdirSync(atHome, { recursive: true });
    accessSync(atHome, constants.W_OK);
    return atHome;
  } catch {
    // Not ours to write: the fallback is as good, only shorter-lived.
    return join(tmpdir(), 'blockrank');
  }
}
