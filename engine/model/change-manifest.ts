/** Changes what a model folder's `blockrank.json` says. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelManifest } from './manifest.ts';
import { readJson } from './read-json.ts';

/** Writes the folder's manifest anew. @param change - Gives the new one; what is undefined in it is left out. */
export async function changeManifest(
  folder: string,
  change: (manifest: Partial<ModelManifest>) => object | Promise<object>,
): Promise<void> {
  const path = join(folder, 'blockrank.json');
  const changed = await change((await readJson(path)) as Partial<ModelManifest>);
  await writeFile(path, `${JSON.stringify(changed, undefined, 2)}\n`);
}
