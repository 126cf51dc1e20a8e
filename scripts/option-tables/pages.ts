/** The pages that may hold tables of options. */
import { readdir } from 'node:fs/promises';

const root = new URL('../../', import.meta.url);

/** README and every page of docs. */
export async function optionPages(): Promise<readonly URL[]> {
  const docs = await readdir(new URL('docs/', root));
  const names = ['README.md', ...docs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];
  return names.map((name) => new URL(name, root));
}
