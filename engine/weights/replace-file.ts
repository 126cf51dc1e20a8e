/** Files that are there whole or not at all. */
import { open, rename, rm } from 'node:fs/promises';

/**
 * Writes a file beside its place, and moves it there when the disk has all of it: a reader finds the old file or the new
 * one, whenever the process or the machine ends. A write that fails leaves the old file as it was, and nothing beside it.
 */
export async function replaceFile(path: string, content: Uint8Array | string): Promise<void> {
  const beside = `${path}.part`;
  try {
    const file = await open(beside, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    // Half a file takes room that the disk may lack.
    await rm(beside, { force: true }).catch(() => {});
    throw error;
  }
}
