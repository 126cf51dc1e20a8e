/** Lists of shell commands for what they are asked to do: a domain that the shipped model was not made for. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import MiniSearch from 'minisearch';
import type { TrainingList } from '../../engine/training/trainer/training-list.ts';
import { uniformRandom } from './uniform-random.ts';

const folder = fileURLToPath(new URL('../../../shared/data/train-nl2bash', import.meta.url));

interface Row {
  readonly _id: string;
  readonly text: string;
}

/** Lists by query, or undefined where the collection does not lie beside the project. */
export interface CommandLists {
  /** Other lists for every seed. None has a query of `test`. */
  train(seed: number, count: number, documents: number): TrainingList[];
  /** The same lists each time. */
  test(count: number, documents: number): TrainingList[];
}

const rows = (file: string): Row[] =>
  readFileSync(join(folder, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);

/** A command's words in order: commands that differ in case and punctuation alone count as one. */
const wordsOf = (text: string): string =>
  text
    .toLowerCase()
    .match(/[a-z0-9]+/g)
    ?.join(' ') ?? '';

/** Reads the collection. */
export function commandLists(): CommandLists | undefined {
  if (!existsSync(folder)) return undefined;
  const corpus = rows('corpus.jsonl');
  const texts = new Map(corpus.map(({ _id, text }) => [_id, text]));
  const relevant = new Map<string, string[]>();
  for (const line of readFileSync(join(folder, 'qrels.tsv'), 'utf8').split('\n').slice(1)) {
    const [query, document, gain] = line.split('\t');
    if (query && document && Number(gain) > 0)
      relevant.set(query, [...(relevant.get(query) ?? []), document]);
  }
  const search = new MiniSearch<Row>({ idField: '_id', fields: ['text'] });
  search.addAll(corpus);
  const queries = rows('queries.jsonl').filter(({ _id }) => relevant.has(_id));
  const shuffled = byRandom(queries, 0);
  const toList = ({ _id, text }: Row, documents: number): TrainingList => {
    const positive = relevant.get(_id)![0]!;
    const known = new Set(relevant.get(_id)!.map((id) => wordsOf(texts.get(id)!)));
    const others: string[] = [];
    for (const { id } of search.search(text)) {
      const words = wordsOf(texts.get(id)!);
      if (known.has(words)) continue;
      known.add(words);
      if (others.push(id) === documents - 1) break;
    }
    const all = byRandom([positive, ...others], Number(_id.slice(1)));
    return {
      set: 'train-nl2bash',
      queryId: _id,
      query: text,
      documents: all.map((docId) => ({ docId, text: texts.get(docId)!, gain: Number(docId === positive) })),
    };
  };
  const held = 500;
  const lists = (from: readonly Row[], count: number, documents: number): TrainingList[] => {
    const made: TrainingList[] = [];
    for (const row of from) {
      if (made.length === count) break;
      const list = toList(row, documents);
      if (list.documents.length === documents) made.push(list);
    }
    return made;
  };
  return {
    train: (seed, count, documents) => lists(byRandom(shuffled.slice(held), seed + 1), count, documents),
    test: (count, documents) => lists(shuffled.slice(0, held), count, documents),
  };
}

function byRandom<T>(all: readonly T[], seed: number): T[] {
  const next = uniformRandom(seed);
  for (let i = 0; i < 10; i += 1) next();
  return all
    .map((each) => ({ each, key: next() }))
    .sort((a, b) => a.key - b.key)
    .map(({ each }) => each);
}
