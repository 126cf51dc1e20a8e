/** Names the content of files and folders. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultModelFolder } from '../../model/folder.ts';
import { fileDigest } from '../../weights/file-digest.ts';

/**
 * SHA-256 of a folder's files by `<name>/<file>`. @param files - Which; those that are not there are left out.
 * @defaultValue all that lie in it, without those of folders inside
 */
export async function folderDigests(
  name: string,
  folder: string,
  files?: readonly string[],
): Promise<Record<string, string>> {
  const all = (await readdir(folder, { withFileTypes: true })).filter((entry) => !entry.isDirectory());
  const wanted = files ?? all.map((entry) => entry.name).sort();
  const digests: Record<string, string> = {};
  for (const file of wanted) {
    const path = join(folder, file);
    if (existsSync(path)) digests[`${name}/${file}`] = await fileDigest(path);
  }
  return digests;
}

/** {@link folderDigests} of a model. @param folder - @defaultValue that of the model that comes with the package */
export function modelDigests(
  name: string,
  folder: string = defaultModelFolder(),
): Promise<Record<string, string>> {
  return folderDigests(name, folder);
}
