/**
 * Makes up texts of the shape of product titles and features, for a smaller depth to be trained on: `npx tsx
 * scripts/make-product-texts.ts FOLDER COUNT COLLECTION...`. Words and names are those of the collections, each as often as any other; numbers,
 * units and codes are drawn. Writes a collection: a query is some words of one text's name, and that text is relevant.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentText, readCollection } from '../engine/evaluation/collection.ts';
import { seededRandom, shuffled } from '../engine/evaluation/random.ts';
import { printQrelsTable } from '../engine/evaluation/trec.ts';

const [folder, count, ...collections] = process.argv.slice(2);
if (collections.length === 0 || !/^[1-9]\d*$/.test(count!)) {
  process.stderr.write(
    'make-product-texts: expected FOLDER COUNT COLLECTION..., with a whole number for COUNT\n',
  );
  process.exit(2);
}
const random = seededRandom(1);
const below = (limit: number): number => Math.floor(random() * limit);
const between = (least: number, most: number): number => least + below(most - least + 1);
const pick = <T>(values: readonly T[]): T => values[below(values.length)]!;
const times = <T>(length: number, make: () => T): T[] => Array.from({ length }, make);

const units =
  'cm mm m kg g W V A Hz MHz GHz GB MB TB ml l inch pixels h ms dB bar rpm pieces sheets % °C x'.split(' ');
const colours = 'black white blue red silver grey green yellow brown pink gold transparent'.split(' ');
const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];

const words = await wordsOf(collections);
const names = words.filter((word) => /^\p{Lu}/u.test(word));
const others = words.filter((word) => /^\p{Ll}+$/u.test(word));

const documents = times(Number(count), () => ({ title: nameOf(), text: featuresOf() }));
const corpus = documents.map(({ title, text }, i) => ({ _id: `p${i}`, title, text }));
const queries = documents.map(({ title }, i) => ({ _id: `q${i}`, text: askedFor(title) }));
const qrels = new Map(documents.map((_, i) => [`q${i}`, new Map([[`p${i}`, 1]])]));
await mkdir(folder!, { recursive: true });
await writeFile(join(folder!, 'corpus.jsonl'), linesOf(corpus));
await writeFile(join(folder!, 'queries.jsonl'), linesOf(queries));
await writeFile(join(folder!, 'qrels.tsv'), printQrelsTable(qrels));

/** Different words of some documents, in any order. */
async function wordsOf(folders: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const each of folders) {
    const all = [...(await readCollection(each)).documents.values()];
    const some = shuffled(all, random).slice(0, 1500);
    for (const word of some.flatMap((document) => documentText(document).split(/\s+/).slice(0, 120))) {
      const bare = word.replace(/^[.,;:()"']+|[.,;:()"']+$/g, '');
      if (bare.length > 1 && bare.length < 18) found.add(bare);
    }
  }
  return [...found].sort();
}

function code(): string {
  const start = times(between(1, 4), () => pick(letters)).join('');
  const number = String(between(1, 99_999));
  return pick([
    `${start}${number}`,
    `${start}-${number}`,
    `${start} ${number}`,
    `${number}${start}`,
    `${start.toLowerCase()}${number}${pick(letters)}`,
    `${start}${number}/${pick(letters)}`,
  ]);
}

function number(): string {
  return pick([
    String(between(1, 9999)),
    (random() * 99).toFixed(1),
    `${between(1, 4000)} x ${between(1, 4000)}`,
  ]);
}

function measured(): string {
  return `${number()} ${pick(units)}`;
}

function word(): string {
  return random() < 0.4 ? pick(names) : pick(others);
}

function nameOf(): string {
  const part = (): string => {
    const kind = random();
    return kind < 0.2 ? code() : kind < 0.4 ? measured() : kind < 0.5 ? pick(colours) : word();
  };
  return [pick(names), ...times(between(2, 9), part)].join(' ');
}

/** Up to 14 features, none in two texts of five: a title alone. */
function featuresOf(): string {
  if (random() < 0.4) return '';
  const colon = pick([': ', ' ', ': ']);
  const feature = (): string => {
    const name = times(between(1, 2), () => pick(others)).join(' ');
    const kind = random();
    const value = kind < 0.5 ? measured() : kind < 0.7 ? pick(colours) : times(between(1, 2), word).join(' ');
    return `${name}${colon}${value}`;
  };
  return times(between(1, 14), feature).join(pick(['; ', ', ', '. ']));
}

/** One to five words of a name, in any order. */
function askedFor(name: string): string {
  return shuffled(name.split(' '), random).slice(0, between(1, 5)).join(' ');
}

function linesOf(values: readonly object[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join('');
}
