import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCollection } from '../../../engine/laboratory.ts';
import { loadedModules } from '../../support/programs/loaded-modules.ts';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';
import { writeCollection } from '../../support/tiny/write-collection.ts';

const hasModel = existsSync(new URL('../../../models/default/model.safetensors', import.meta.url));
if (!hasModel) console.log('test/cli/curate: skipped, models/default is absent.');

const topics = [
  'bread needs yeast and salt',
  'tides follow the moon',
  'brakes of a bicycle squeak',
  'a violin has four strings',
];
/** Of each topic a document, and the same words in another order; ids say which. */
const documents = topics.flatMap((text, i) => [
  { _id: `d${i}`, text },
  { _id: `d${i}-again`, text: text.split(' ').reverse().join(' ') },
]);
const queries = ['bread', 'tides', 'bicycle brakes', 'brakes bicycle', 'violin'];

let folder: string;
let collection: string;
const lines = (values: readonly unknown[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('');
const file = (name: string): string => join(folder, name);
const curate = (...args: readonly string[]): Promise<CliResult> =>
  runCli(['curate', '--data', collection, ...args]);
const report = (...args: readonly string[]): Promise<CliResult> =>
  runCli(['embedding-report', '--data', collection, ...args]);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-curate-'));
  collection = file('tiny');
  await writeCollection(collection, {
    documents,
    queries: queries.map((text, i) => ({ _id: `q${i}`, text })),
    judgements: [0, 1, 2, 2, 3].flatMap((topic, i) => [
      [`q${i}`, `d${topic}`, 2] as const,
      [`q${i}`, `d${topic}-again`, 1] as const,
    ]),
  });
});
afterAll(() => rm(folder, { recursive: true }));

describe.skipIf(!hasModel)('blockrank curate', () => {
  it('folds queries of the same words, and keeps the judgements and documents of the others', async () => {
    const { code, stdout, stderr } = await curate('--output', file('queries'));
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('5 queries: 1 near-duplicates folded, 4 of the others kept');
    const { documents: kept, queries: asked, qrels } = await readCollection(file('queries'));
    expect([...asked.keys()]).toEqual(['q0', 'q1', 'q2', 'q4']);
    expect([...qrels.keys()]).toEqual(['q0', 'q1', 'q2', 'q4']);
    expect(qrels.get('q2')).toEqual(
      new Map([
        ['d2', 2],
        ['d2-again', 1],
      ]),
    );
    expect(kept.size).toBe(8);
    expect(JSON.parse(await readFile(join(file('queries'), 'curation.json'), 'utf8'))).toMatchObject({
      of: 'queries',
      cosine: 0.99,
      rows: 5,
      folded: 1,
      kept: 4,
    });
  });

  it('chooses documents, with the judgements of those alone', async () => {
    const { stdout } = await curate(
      '--of',
      'documents',
      '--count',
      '3',
      '--output',
      file('documents'),
      '--json',
    );
    expect(JSON.parse(stdout)).toMatchObject({ rows: 8, folded: 4, kept: 3, documents: 3 });
    const { documents: kept, qrels } = await readCollection(file('documents'));
    expect([...kept.keys()].every((docId) => /^d\d$/.test(docId))).toBe(true);
    for (const judged of qrels.values())
      for (const docId of judged.keys()) expect(kept.has(docId)).toBe(true);
  });

  it('chooses judged pairs, and keeps the whole corpus where asked', async () => {
    const args = ['--of', 'judgements', '--count', '2', '--whole-corpus', '--output', file('pairs')];
    const { code, stderr } = await curate(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { documents: kept, qrels } = await readCollection(file('pairs'));
    expect([...qrels.values()].map(({ size }) => size)).toEqual([1, 1]);
    expect(kept.size).toBe(8);
  });

  it('refuses a folder that exists, and a cosine that is none', async () => {
    const there = await curate('--output', collection);
    expect(there).toMatchObject({ code: 2, stdout: '' });
    expect(there.stderr).toContain('name a new folder');
    expect((await curate('--output', file('none'), '--cosine', '1.5')).stderr).toContain('up to 1, got 1.5');
    expect(existsSync(file('none'))).toBe(false);
  });

  it('runs no model: ONNX Runtime is not even loaded', async () => {
    const { code, packages } = await loadedModules([
      'curate',
      '--data',
      collection,
      '--output',
      file('modules'),
    ]);
    expect(code).toBe(0);
    expect(packages).not.toContain('onnxruntime-node');
  });
});

describe.skipIf(!hasModel)('blockrank embedding-report', () => {
  it('prints variance reduction and purity of several embeddings, with losses and sources of files', async () => {
    const ids = documents.map(({ _id }) => _id);
    await writeFile(file('vectors.jsonl'), lines(ids.map((_id) => ({ _id, vector: [Number(_id[1]), 1] }))));
    await writeFile(file('losses.tsv'), `id\tloss\n${ids.map((id) => `${id}\t${id[1]}\n`).join('')}`);
    await writeFile(
      file('sources.tsv'),
      ids.map((id) => `${id}\t${Number(id[1]) < 2 ? 'low' : 'high'}\n`).join(''),
    );
    const args = ['--losses', file('losses.tsv'), '--sources', file('sources.tsv'), '--sizes', '2,4'];
    const names = ['--embeddings', 'free', 'noise', `mine=${file('vectors.jsonl')}`];
    const { code, stdout, stderr } = await report(...args, ...names, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { rows, embeddings } = JSON.parse(stdout) as {
      readonly rows: number;
      readonly embeddings: Readonly<
        Record<string, readonly { readonly size: number; readonly purity: number }[]>
      >;
    };
    expect(rows).toBe(8);
    expect(Object.keys(embeddings)).toEqual(['free', 'noise', 'mine']);
    // One dimension, its sign kept: the two lower topics on one side, the two higher on the other.
    expect(embeddings['mine']![1]).toMatchObject({ size: 4, purity: 1 });
    const text = await report(...args, ...names);
    expect(text.stdout).toMatch(/^8 documents\n\nvariance reduction \(noise: 1\)\ncluster of +2 +4\nfree /);
    expect(text.stdout).toMatch(/purity by source\n.*\n.*\n.*\nmine +\S+ +1\.000/);
  });

  it('measures queries by a run', async () => {
    await writeFile(file('run.trec'), queries.map((_, i) => `q${i} Q0 d${i % 3} 1 9 r\n`).join(''));
    const { code, stdout, stderr } = await report(
      '--of',
      'queries',
      '--run',
      file('run.trec'),
      '--sizes',
      '2',
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('5 queries');
    expect(stdout).not.toContain('purity');
  });

  it.each([
    [['--embeddings', 'bert'], 'expected free, random, noise or NAME=FILE, got "bert"'],
    [['--sizes', '5'], 'clusters of 5 need twice as many rows, and there are 8'],
    [['--sizes', '1'], 'expected whole numbers from 2'],
    [['--run', 'x.trec'], 'give --of queries'],
    [['--losses', '/nowhere'], 'cannot read "/nowhere"'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await report(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it('names vectors that are missing, and the line that is none', async () => {
    await writeFile(file('few.jsonl'), lines([{ _id: 'd0', vector: [1] }]));
    const few = await report('--sizes', '2', '--embeddings', `few=${file('few.jsonl')}`);
    expect(few.stderr).toContain('no vector for 7 of 8 ids');
    await writeFile(
      file('bad.jsonl'),
      lines([
        { _id: 'd0', vector: [1] },
        { _id: 'd1', vector: 'x' },
      ]),
    );
    const bad = await report('--sizes', '2', '--embeddings', `bad=${file('bad.jsonl')}`);
    expect(bad.stderr).toMatch(/bad\.jsonl.*2/);
  });
});
