/** What a run of tests needs: programs, built once before a test asks for one, and a folder for what tests leave behind. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { buildPrograms, prunePrograms } from './built.ts';

const prefix = 'blockrank-tests-';

/**
 * Called by vitest before a run, once a project. Temporary folders of tests and of the programs that they start lie in one
 * folder, which goes with all that is left in it when the run ends.
 *
 * @returns Called after the run.
 */
export async function setup(): Promise<() => Promise<void>> {
  prunePrograms();
  buildPrograms();
  const before = tmpdir();
  if (basename(before).startsWith(prefix)) return async () => {};
  const folder = await mkdtemp(join(before, prefix));
  await chmod(folder, 0o1777); // as the folder that it stands in for: some programs are started as another user
  process.env['TMPDIR'] = folder;
  return async () => {
    process.env['TMPDIR'] = before;
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
}
