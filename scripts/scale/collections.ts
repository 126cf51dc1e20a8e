/** Real texts by the ten thousand: WordNet from npm, and collections that lie beside the project. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readSynsets } from '../../examples/demo/wordnet.ts';

/** A document as it is indexed. */
export interface ScaleDocument {
  readonly title: string;
  readonly body: string;
}

/** Collections of search of several kinds, put together; none holds another's documents. */
const mixed = [
  'trec-dl19',
  'icecat-chorus',
  'msrd',
  'scifact',
  'nfcorpus',
  'csfcube',
  'climate-fever-votes',
  'cranfield',
  'train-debian',
  'train-tldr',
  'train-nl2bash',
];

/** Reads a collection: `wordnet`, `hier-wordnet`, or `mixed`. */
export async function readCollection(name: string): Promise<readonly ScaleDocument[]> {
  if (name === 'wordnet') {
    return (await readSynsets()).map(({ title, text }) => ({
      title: title ?? '',
      body: text ?? '',
    }));
  }
  return (name === 'mixed' ? mixed : [name]).flatMap(readCorpus);
}

function readCorpus(name: string): ScaleDocument[] {
  const file = fileURLToPath(new URL(`../../../shared/data/${name}/corpus.jsonl`, import.meta.url));
  if (!existsSync(file)) throw new Error(`readCollection: no collection "${name}" lies beside the project.`);
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => {
    const { title, text } = JSON.parse(line) as { title?: string; text?: string };
    return { title: title ?? '', body: text ?? '' };
  });
}
