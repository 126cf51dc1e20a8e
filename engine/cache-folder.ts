/** Finds the folder for files that can be made anew. */
import { accessSync, constants, lstatSync, mkdirSync, type Stats } from 'node:fs';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError } from './errors.ts';

/** Advice for users without a usable cache folder; the end of a sentence. */
export const cacheAdvice = 'set BLOCKRANK_CACHE, or cacheFolder, to a folder that this user can write';

/**
 * The cache folder: `BLOCKRANK_CACHE` where it is set, else `~/.cache/blockrank`, else a folder of the user alone among
 * temporary files when the home folder cannot be written (read-only containers) or its cache belongs to another user.
 *
 * @param environment - Environment variables. @defaultValue `process.env`
 * @throws ConfigurationError when the folder for temporary files is not this user's own.
 */
export function defaultCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const named = environment['BLOCKRANK_CACHE'];
  if (named) return named;
  const atHome = join(homedir(), '.cache', 'blockrank');
  try {
    mkdirSync(atHome, { recursive: true });
    accessSync(atHome, constants.W_OK);
    if (isOwn(lstatSync(atHome))) return atHome;
  } catch {
    // A folder that this user cannot write; the fallback is as good, only shorter-lived.
  }
  return temporaryCacheFolder();
}

/**
 * A folder for temporary files that is this user's alone: `blockrank-` and the user's number among the machine's. Any
 * user could make a folder of that name there, so the function checks owner, mode and kind: the program runs the files
 * in it.
 *
 * @throws ConfigurationError when the folder cannot be made, is a symbolic link, or other users may write in it.
 */
export function temporaryCacheFolder(): string {
  const path = join(tmpdir(), `blockrank-${process.getuid?.() ?? userInfo().username}`);
  const fault = faultOf(path);
  if (fault === undefined) return path;
  throw new ConfigurationError('Cannot keep files', [
    { path: 'cacheFolder', message: `"${path}" ${fault}; ${cacheAdvice}` },
  ]);
}

function faultOf(path: string): string | undefined {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EEXIST') return `cannot be made (${code})`;
  }
  const found = lstatSync(path);
  if (found.isSymbolicLink()) return 'is a symbolic link';
  if (!found.isDirectory()) return 'is no folder';
  if (!isOwn(found)) return 'belongs to another user';
  // Windows has no such modes, and gives each user a separate folder for temporary files.
  if (process.getuid && (found.mode & 0o077) !== 0) return 'is open to other users';
  return undefined;
}

function isOwn({ uid }: Stats): boolean {
  return process.getuid === undefined || uid === process.getuid();
}
