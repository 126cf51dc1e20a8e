import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readQrels } from '../../../engine/laboratory.ts';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';
import { writeCollection } from '../../support/tiny/write-collection.ts';

const hasModel = existsSync(new URL('../../../models/default/model.safetensors', import.meta.url));
if (!hasModel) console.log('test/cli/labels: skipped, models/default is absent.');

const documents = [
  'bread needs yeast',
  'tides follow the moon',
  'brakes of a bicycle',
  'strings of a violin',
];
const queries = ['bread', 'tides', 'brakes', 'violin', 'yeast', 'moon'];

/** What two raters say of each document for every query: they disagree on d1 and d2. */
const said = [
  [3, 2],
  [1, 0],
  [0, 1],
  [0, 0],
];

let folder: string;
let collection: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-labels-'));
  collection = join(folder, 'tiny');
  await writeCollection(collection, {
    documents: documents.map((text, i) => ({ _id: `d${i}`, text })),
    queries: queries.map((text, i) => ({ _id: `q${i}`, text })),
    judgements: [['q0', 'd0', 1]],
  });
  const rows = queries.flatMap((_, q) =>
    said.flatMap((grades, d) =>
      grades.map((grade, rater) => `q${q}\td${d}\t${['ann', 'bob'][rater]}\t${grade}\n`),
    ),
  );
  await writeFile(join(collection, 'judgments.tsv'), `query-id\tcorpus-id\trater\tscore\n${rows.join('')}`);
  const run = queries.flatMap((_, q) => documents.map((__, d) => `q${q} Q0 d${d} ${d + 1} ${9 - d} up\n`));
  await writeFile(join(folder, 'up.trec'), run.join(''));
  await writeFile(join(folder, 'down.trec'), run.map((line) => line.replace(/ (\d) up/, ' -$1 up')).join(''));
});

afterAll(() => rm(folder, { recursive: true }));

const file = (name: string): string => join(folder, name);
const labels = (...args: readonly string[]): Promise<CliResult> => runCli(['labels', ...args]);
const ofCollection = (...args: readonly string[]): Promise<CliResult> =>
  labels('--data', collection, ...args);

describe('blockrank labels', () => {
  it('reports marginals, who wins where two disagree, and what each aggregation would reach', async () => {
    const { code, stdout, stderr } = await ofCollection('--weights', 'bob=2');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('24 judged pairs, 2 labels');
    // Both call two of four relevant: pi = .5, alpha = a / .25.
    expect(stdout).toMatch(/^ann +24 +0\.5000 +1 +4\.000 +33\.3 %$/m);
    expect(stdout).toMatch(/^bob +24 +0\.5000 +2 +8\.000 +66\.7 %$/m);
    expect(stdout).toMatch(/^ann, bob +6 +6 +24 +bob +bob +tie$/m);
    expect(stdout).toContain('With loss "bob" decides alone wherever labels are certain');
    // d0, then d1 and d2 tied, then d3: 3.5 of 4 pairs of each label.
    expect(stdout).toMatch(/^sum +0\.8750 +0\.8750 +0\.0000 +0\.8750$/m);
    // d0, d2, d1, d3: all of bob's, 3 of 4 of ann's.
    expect(stdout).toMatch(/^loss +0\.7500 +1\.0000 +0\.2500 +0\.7500$/m);
  });

  it.each([
    ['sum', [], [2, 1, 1, 0]],
    ['product', ['--grades'], [6, 0, 0, 0]],
    ['weighted', ['--weights', 'ann=0.5,bob=1'], [15, 5, 10, 0]],
  ])('writes qrels merged by %s', async (aggregation, args, expected) => {
    for (const name of ['merged.trec', 'merged.tsv']) {
      const output = file(name);
      const result = await ofCollection('--aggregation', aggregation, ...args, '--output', output);
      expect(result.code, result.stderr).toBe(0);
      expect([...(await readQrels(output)).get('q3')!.values()]).toEqual(expected);
      const isTable = (await readFile(output, 'utf8')).startsWith('query-id\t');
      expect(isTable).toBe(name.endsWith('.tsv'));
    }
  });

  it('keeps labels apart for loss: a file a label, and their weights', async () => {
    const output = file('apart');
    const { code, stderr } = await ofCollection('--aggregation', 'loss', '--output', output);
    expect(code).toBe(0);
    expect(stderr).toContain('Loss aggregation is a way of training, not a merged file');
    expect((await readdir(output)).sort()).toEqual(['1-ann.tsv', '2-bob.tsv', 'labels.json']);
    expect([...(await readQrels(join(output, '2-bob.tsv'))).get('q0')!.values()]).toEqual([1, 0, 1, 0]);
    expect(JSON.parse(await readFile(join(output, 'labels.json'), 'utf8'))).toEqual({
      aggregation: 'loss',
      labels: [
        { name: 'ann', file: '1-ann.tsv', weight: 1, marginal: 0.5, lossWeight: 4 },
        { name: 'bob', file: '2-bob.tsv', weight: 1, marginal: 0.5, lossWeight: 4 },
      ],
    });
  });

  it('measures runs by each label, and a fusion of them fitted by each aggregation', async () => {
    const { code, stdout } = await ofCollection('--run', file('up.trec'), file('down.trec'));
    expect(code).toBe(0);
    // d0 d1 d2 d3: all of ann's pairs, 3 of 4 of bob's. RR is not asked for; nDCG of bob is (1 + 1/2) / (1 + .6309).
    expect(stdout).toMatch(/^up +1\.0000 +0\.7500 +0\.2500 +0\.7500 +1\.0000 +0\.9197 /m);
    expect(stdout).toMatch(/^down +0\.0000 +0\.2500 /m);
    expect(stdout).toContain('fitted by each aggregation, on held-out queries (6)');
  });

  it('reads a table with a column a label, as shares of all votes, and qrels with a name each', async () => {
    const votes = file('votes.tsv');
    await writeFile(
      votes,
      'query-id\tcorpus-id\tyes\tmaybe\tvotes\nq0\td0\t2\t0\t2\nq0\td1\t1\t1\t2\nq0\td2\t0\t\t2\n',
    );
    const args = ['--judgements', votes, '--columns', 'yes,maybe', '--total', 'votes', '--missing', 'zero'];
    const shares = JSON.parse((await labels(...args, '--json')).stdout);
    expect(shares.labels).toMatchObject([
      { name: 'yes', judged: 3, marginal: 0.5 },
      { name: 'maybe', judged: 3, marginal: 1 / 6 },
    ]);
    await writeFile(file('a.qrels'), 'q0 0 d0 1\nq0 0 d1 0\n');
    await writeFile(file('qrels.b.tsv'), 'q0\td0\t0\nq0\td1\t2\n');
    const two = await labels('--judgements', `clicks=${file('a.qrels')}`, file('qrels.b.tsv'), '--json');
    expect(JSON.parse(two.stdout).conflicts).toMatchObject([{ labels: ['clicks', 'b'], firstOnly: 1 }]);
  });

  it.skipIf(!hasModel)("measures the model's orders by each label", async () => {
    const { code, stdout } = await ofCollection('--rerankers', 'first-stage,model', '--no-cache', '--json');
    expect(code).toBe(0);
    const { runs, fitted } = JSON.parse(stdout);
    expect(Object.keys(runs)).toEqual(['first-stage', 'model']);
    expect(runs.model.queries).toEqual({ ann: 6, bob: 6 });
    expect(Object.keys(fitted.balances)).toEqual(['sum', 'product', 'weighted', 'loss']);
  });

  const header = 'query-id\tcorpus-id\trater\tscore\n';
  it.each([
    ['no judgements', header, [], 'line 1: expected judgements, and no line has one'],
    [
      'a grade that is none',
      `${header}q0\td0\tann\tNaN\n`,
      [],
      'line 2: expected query, document, label and a finite',
    ],
    [
      'a document that the corpus lacks',
      `${header}q0\td0\tann\t1\nq0\td77\tbob\t1\n`,
      [],
      'line 3: document "d77" is not in corpus.jsonl (1 of 2 judgements',
    ],
    [
      'a query that there is not',
      `${header}other\td0\tann\t1\n`,
      [],
      'line 2: query "other" is not in queries.jsonl',
    ],
    [
      'labels of other queries',
      `${header}q0\td0\tann\t1\nq1\td0\tbob\t1\n`,
      [],
      'line 3: no pair of query and document is judged by every label: "ann" judges "d0" for query "q0" ("FILE", line 2)',
    ],
    [
      'a one-sided label',
      `${header}q0\td0\tann\t1\nq0\td1\tann\t0\nq0\td0\tbob\t0\nq0\td1\tbob\t0\n`,
      [],
      'line 4: expected relevant and other documents of the label "bob", and it calls none of its 2 relevant',
    ],
    [
      'a column that there is not',
      header,
      ['--columns', 'yes'],
      'line 1: expected the columns yes, found query-id',
    ],
    [
      'more votes than there were',
      'query-id\tcorpus-id\tyes\tall\nq0\td0\t3\t2\n',
      ['--columns', 'yes', '--total', 'all'],
      'line 2: expected under "yes" a number from 0 to the total',
    ],
  ])('names file and line for %s', async (_what, text, args, message) => {
    const wrong = file('wrong.tsv');
    await writeFile(wrong, text);
    const { code, stdout, stderr } = await ofCollection('--judgements', wrong, ...args);
    expect(code).toBeGreaterThan(0);
    expect(stdout).toBe('');
    expect(stderr.replaceAll(wrong, 'FILE')).toContain(`"FILE", ${message}`);
  });

  it.each([
    ['weights that are none', ['--weights', 'ann=NaN,eve=1'], 'got "ann=NaN", "eve=1"'],
    ['weights of 0', ['--weights', 'ann=0,bob=0'], 'got only 0'],
    ['an order that there is not', ['--rerankers', 'best'], 'rerankers: expected first-stage'],
    ['an aggregation that there is not', ['--aggregation', 'mean'], 'Allowed choices are sum, product'],
    ['a measure that there is not', ['--measure', 'F1'], 'expected nDCG@k'],
    ['votes without columns', ['--total', 'votes'], 'counts the votes of --columns'],
    ['no place for the output', ['--output', join('no', 'where', 'x.trec')], 'cannot write in the folder'],
    ['a file that is not there', ['--judgements', 'nowhere.tsv'], 'expected a file "nowhere.tsv"'],
  ])('ends with 2 for %s', async (_what, args, message) => {
    const { code, stdout, stderr } = await ofCollection(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });

  it('needs a collection for rerankers, files without one, and runs of the labelled queries', async () => {
    const judgements = ['--judgements', join(collection, 'judgments.tsv')];
    expect((await labels(...judgements, '--rerankers', 'default')).stderr).toContain('give --data');
    expect((await labels()).stderr).toContain('expected files of judgements, or --data');
    expect(
      (await ofCollection('--judgements', ...Array(2).fill(join(collection, 'judgments.tsv')))).code,
    ).toBe(0);
    await writeFile(file('other.trec'), 'x1 Q0 d0 1 1 t\n');
    const { code, stderr } = await ofCollection('--run', file('other.trec'));
    expect({ code, says: stderr.includes('found x1, where they have q0') }).toEqual({ code: 2, says: true });
    await writeFile(file('copy.tsv'), await readFile(join(collection, 'judgments.tsv')));
    const twice = await labels(...judgements, file('copy.tsv'));
    expect(twice.stderr).toContain('the label "ann" is in');
  });
});
