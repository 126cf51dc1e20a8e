/** A tiny judged collection, in the layout of `blockrank evaluate`. */
import { mkdir, writeFile } from 'node:fs/promises';

const topics =
  'bread yeast,moon tides,bicycle brakes,tax returns,violin strings,frost crystals,river otters,paper kites,copper wire,honey bees'
    .split(',')
    .map((topic) => topic.split(' '));

/** Writes it: a good, a fair and a misleading document a topic, which each hold a word of the query. @param folder - New. */
export async function writeTopics(folder: string): Promise<void> {
  await mkdir(folder);
  const lines = (values: readonly unknown[]): string =>
    values.map((value) => `${JSON.stringify(value)}\n`).join('');
  const corpus = topics.flatMap(([one, two], i) => [
    { _id: `good${i}`, title: `${one} and ${two}`, text: `What is known about ${one} with ${two}, in full.` },
    { _id: `fair${i}`, title: '', text: `A note on ${two} alone.` },
    { _id: `shop${i}`, title: '', text: `A shop that sold ${one} once, and furniture since.` },
  ]);
  const queries = topics.map(([one, two], i) => ({ _id: `q${i}`, text: `${one} ${two} furniture` }));
  const judged = topics.flatMap((_, i) => [
    `q${i}\tgood${i}\t2\n`,
    `q${i}\tfair${i}\t1\n`,
    `q${i}\tshop${i}\t0\n`,
  ]);
  await writeFile(`${folder}/corpus.jsonl`, lines(corpus));
  await writeFile(`${folder}/queries.jsonl`, lines(queries));
  await writeFile(`${folder}/qrels.tsv`, `query-id\tcorpus-id\tscore\n${judged.join('')}`);
}
