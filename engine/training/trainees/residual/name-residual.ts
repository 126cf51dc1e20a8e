/** The residual that a model folder is read with. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readJson } from '../../../model/read-json.ts';

/** Writes its name into the folder's `blockrank.json`. @param name - None: the folder is read without. */
export async function nameResidual(folder: string, name: string | undefined): Promise<void> {
  const path = join(folder, 'blockrank.json');
  // JSON leaves out what is undefined; probabilities were fitted to the states of another residual.
  const manifest = { ...((await readJson(path)) as object), residual: name, relevance: undefined };
  await writeFile(path, `${JSON.stringify(manifest, undefined, 2)}\n`);
}
