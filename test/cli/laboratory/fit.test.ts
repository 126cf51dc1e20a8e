import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FitReport } from '../../../engine/laboratory.ts';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';

let folder: string;
let model: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-train-'));
  model = await tinyModel();
  await collection('many', 120);
  await collection('few', 20);
});

afterAll(() => rm(folder, { recursive: true }));

const things = ['bread', 'tides', 'brakes', 'taxes', 'violins', 'frost', 'bees', 'maps', 'glass', 'rivers'];
const places = [
  'Oslo',
  'Lima',
  'Cairo',
  'Perth',
  'Quito',
  'Kyoto',
  'Riga',
  'Accra',
  'Turin',
  'Osaka',
  'Bern',
  'Doha',
];

/** Two kinds of documents about each topic, of which people always want the same kind: no untrained model knows which. */
async function collection(name: string, queries: number): Promise<void> {
  const path = join(folder, name);
  await mkdir(path);
  const topics = Array.from(
    { length: queries },
    (_, i) => `${things[i % things.length]} in ${places[Math.floor(i / things.length) % places.length]}`,
  );
  const kinds = [
    (topic: string) => `A short guide to ${topic}, step by step.`,
    (topic: string) => `${topic}: prices, offers, reviews of the shop.`,
    (topic: string) => `Offers and prices of the day! ${topic}.`,
  ];
  const lines = (values: readonly unknown[]): string =>
    values.map((value) => `${JSON.stringify(value)}\n`).join('');
  const corpus = topics.flatMap((topic, i) =>
    kinds.map((write, k) => ({ _id: `d${i}-${k}`, title: '', text: write(topic) })),
  );
  await writeFile(join(path, 'corpus.jsonl'), lines(corpus));
  await writeFile(
    join(path, 'queries.jsonl'),
    lines(topics.map((topic, i) => ({ _id: `q${i}`, text: topic }))),
  );
  const rows = topics.flatMap((_, i) => kinds.map((_kind, k) => `q${i}\td${i}-${k}\t${k === 0 ? 1 : 0}\n`));
  await writeFile(join(path, 'qrels.tsv'), `query-id\tcorpus-id\tscore\n${rows.join('')}`);
  const listed = topics.flatMap((_, i) => kinds.map((_kind, k) => `q${i}\td${i}-${k}\n`));
  await writeFile(join(path, 'lists.tsv'), `query-id\tcorpus-id\n${listed.join('')}`);
}

const train = (data: string, ...args: readonly string[]): Promise<CliResult> =>
  runCli([
    'train',
    '--data',
    join(folder, data),
    '--model',
    model,
    '--cache',
    join(folder, 'states'),
    ...args,
  ]);

describe('blockrank train without a recipe', () => {
  it('learns from judgements, says what that gains on others, and writes a model that serves it', async () => {
    const output = join(folder, 'fitted');
    const { code, stdout, stderr } = await train(
      ...['many', '--candidates', 'lists', '--output', output, '--cross-validate', '2'],
      ...['--also', join(folder, 'few'), '--also-candidates', 'judged'],
    );
    expect(stderr).toContain(`Wrote ${output}`);
    expect(code).toBe(0);
    expect(stdout).toContain('A gain.');
    const report = JSON.parse(await readFile(join(output, 'report.json'), 'utf8')) as FitReport;
    expect(report).toMatchObject({ queries: 120, instructive: 120, collection: 'many' });
    expect(report.crossValidation!.gain.low).toBeGreaterThan(0.02);
    expect(report.others).toMatchObject([{ set: 'few', queries: 20 }]);
    expect(report.written).toEqual(report.choice);
    expect(await readFile(join(output, 'report.md'), 'utf8')).toContain('## On other collections');
    // The files of another collection, ranked by the folder as it was written.
    const evaluated = await runCli([
      ...['evaluate', '--data', join(folder, 'few'), '--candidates', 'judged', '--rerankers', 'model'],
      ...['--model', output, '--cache', join(folder, 'states'), '--measures', 'nDCG@10'],
    ]);
    const fittedMean =
      report.others[0]!.start +
      report.others[0]!.differences.find(
        ({ interpolation }) => interpolation === report.written.interpolation,
      )!.mean;
    expect(evaluated.stdout).toMatch(new RegExp(`^model +${fittedMean.toFixed(4)}`, 'm'));
  });

  it('tunes numbers alone where there are few judgements, and says so', async () => {
    const { code, stdout, stderr } = await train('few', '--candidates', 'judged');
    expect(code).toBe(0);
    expect(stderr).toContain('20 queries to learn from, fewer than 100');
    expect(stdout).toContain('On held-out lists');
  });

  it('refuses to overwrite the model that it starts from, and weights that are none', async () => {
    const same = await train('many', '--candidates', 'lists', '--output', model);
    expect(same).toMatchObject({ code: 2, stderr: expect.stringContaining('would be overwritten') });
    const none = await train('many', '--interpolation', 'much');
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('from 0 to 1, got "much"') });
  });

  it('names the file of lists that is not there', async () => {
    await rm(join(folder, 'few', 'lists.tsv'));
    const { code, stderr } = await train('few', '--candidates', 'lists');
    expect(code).toBe(2);
    expect(stderr).toContain('lists.tsv');
  });
});
