/** Encoded documents on disk, so that a command's next run finds them. */
import { join } from 'node:path';
import { defaultCacheFolder, lmdbSource, type StateSource } from '../../../engine/index.ts';
import type { CliContext } from '../context.ts';

/** Opens the folder that a command was given; without, the one in the user's cache. */
export function openStateCache({ env }: CliContext, folder: string | undefined): StateSource {
  return lmdbSource({ folder: folder ?? join(defaultCacheFolder(env), 'states') });
}
