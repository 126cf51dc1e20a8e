/** Writes the tables of options into README and docs: `npm run option-tables`. */
import { readFile, writeFile } from 'node:fs/promises';
import { optionPages } from './pages.ts';
import { withTables } from './tables.ts';

for (const page of await optionPages()) {
  const text = await readFile(page, 'utf8');
  const wanted = withTables(text);
  if (wanted !== text) await writeFile(page, wanted);
}
