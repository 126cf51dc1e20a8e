import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type StatesDouble, startStatesDouble } from '../../support/doubles/states-double.ts';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';

let folder: string;
let categories: string;
let model: string;
const at = (name: string): string => join(folder, name);
const cli = (...args: string[]): Promise<CliResult> => runCli(['hierarchy', ...args]);
const quick = ['--buckets', '256', '--width', '8', '--batch', '16', '--temperature', '1'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-hierarchy-cli-'));
  categories = at('categories.tsv');
  model = await tinyModel();
  const edges = [
    'kids sandals>sandals',
    'sandals>shoes',
    'boots>shoes',
    'garden chairs>chairs',
    'chairs>seats',
  ];
  await writeFile(categories, `child\tparent\n${edges.join('\n').replaceAll('>', '\t')}\n`);
  const args = [
    '--taxonomy',
    categories,
    '--output',
    at('trained'),
    '--steps',
    '200',
    '--held-out',
    '0',
    '--json',
  ];
  const { code, stdout } = await cli('train', ...args, ...quick);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).recall['trained queries'].overall).toBeGreaterThan(0.9);
});
afterAll(() => Promise.all([folder, model].map((each) => rm(each, { recursive: true }))));

describe('blockrank hierarchy train', () => {
  it('trains on a log, holds queries out, finetunes and prints recall by distance', async () => {
    const queries = Array.from(
      { length: 40 },
      (_, i) => `size ${i} ${i % 2 ? 'sandals\tsandals' : 'stool\tchairs'}`,
    );
    await writeFile(at('log.tsv'), queries.join('\n'));
    const more = ['--log', at('log.tsv'), '--taxonomy', categories, '--output', at('log'), '--steps', '20'];
    const finetune = ['--finetune', '--finetune-from', '1', '--finetune-steps', '10', '--no-mask'];
    const { code, stdout, stderr } = await cli('train', ...more, ...quick, ...finetune, '--held-out', '.2');
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringContaining('7 categories, 47 queries'),
    });
    expect(stdout).toMatch(
      /^recall at distance +0 +1 +2 +overall +least +queries +pairs\ntrained queries .*\nheld-out queries /,
    );
    expect(stdout).toMatch(/second training was best after \d+ steps/);
  });

  it.each([
    ['no data', [], /give --taxonomy <file>, --data <folder> or --log <file>/],
    ['two taxonomies', ['--taxonomy', 'a', '--data', 'b'], /not both/],
    ['a file that is not there', ['--taxonomy', 'nowhere.tsv'], /--taxonomy: cannot read "nowhere.tsv"/],
    ['a root of nothing', ['--root', '5'], /--root: is for --taxonomy and --data only/],
    ['pairs that are nowhere so far', ['--finetune', '--far', '9'], /9 steps apart or more, the farthest 2/],
  ])('refuses %s', async (_, args, message) => {
    const own = args.includes('--finetune') ? ['--taxonomy', categories, '--steps', '1', ...quick] : [];
    const { code, stderr } = await cli('train', '--output', at('none'), ...own, ...args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
  });
});

describe('blockrank hierarchy query', () => {
  it('prints the categories above a narrow term, and its vector as JSON', async () => {
    const { stdout } = await cli('query', 'kids sandals', '--hierarchy', at('trained'), '--top', '3');
    const ids = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t')[1]);
    expect(new Set(ids)).toEqual(new Set(['kids sandals', 'sandals', 'shoes']));
    const { stdout: json } = await cli('query', 'kids sandals', '--hierarchy', at('trained'), '--json');
    expect(JSON.parse(json).vector).toHaveLength(8);
  });

  it('says so of a search without words', async () => {
    const { code, stderr } = await cli('query', '?', '--hierarchy', at('trained'));
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('Cannot search for "?"') });
  });
});

describe('blockrank hierarchy report', () => {
  it('sets a hierarchy beside a first stage, an encoder and a run, in a table and a chart', async () => {
    await writeFile(at('words.trec'), 'qboots Q0 shoes 1 1 x\nsandals Q0 sandals 1 1 x\n');
    const args = [
      '--taxonomy',
      categories,
      '--hierarchy',
      at('trained'),
      ...['--candidates', 'embedded', '--encoder', model, '--run', at('words.trec'), '--svg', at('r.svg')],
    ];
    const { code, stdout } = await cli('report', ...args);
    expect(code).toBe(0);
    // Each of 7 names finds itself; of what stands above them "sandals" and "chairs" share words with their children.
    expect(stdout).toMatch(/\nembedded +1\.000 +0\.400 +0\.000 .* 7 +14\n/);
    expect(stdout).toMatch(/\n\S+ +[01]\.\d{3} +[01]\.\d{3} +[01]\.\d{3} .* 7 +14\nwords /);
    expect(stdout).toMatch(/\ntrained .*\n.*\n.*\nwords +0\.500 +0\.500 +0\.500 +0\.500 +2 +4/);
    expect(await readFile(at('r.svg'), 'utf8')).toMatch(/^<svg/);
  });

  it('reads distances of its own for a run, and refuses them for a hierarchy', async () => {
    await writeFile(at('d.tsv'), 'query-id\tcorpus-id\tdistance\nsandals\tshoes\t1\n');
    const run = ['--distances', at('d.tsv'), '--run', at('words.trec')];
    const { stdout } = await cli('report', ...run, '--json');
    expect(JSON.parse(stdout).words.overall).toBe(0);
    const { code, stderr } = await cli('report', ...run, '--hierarchy', at('trained'));
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('--distances: is for runs'),
    });
    expect((await cli('report', '--taxonomy', categories)).stderr).toContain(
      'give --hierarchy <folders>, --candidates <names>',
    );
    const file = await cli('report', '--taxonomy', categories, '--candidates', 'bm25');
    expect(file.stderr).toContain('--candidates: "bm25" is a file of a collection: give --data');
  });
});

describe('blockrank hierarchy index', () => {
  let double: StatesDouble;
  beforeEach(async () => {
    double = await startStatesDouble();
    double.make('docs', { 'index.knn': 'true' });
  });
  afterEach(() => double.close());
  const index = (...more: string[]): Promise<CliResult> =>
    cli(
      'index',
      '--hierarchy',
      at('trained'),
      '--opensearch',
      double.url,
      '--index',
      'docs',
      '--field',
      'title',
      ...more,
    );

  it('writes each document the vector of its text, with its own length, and a second time nothing', async () => {
    double.write('docs', 'one', { title: 'shoes' });
    double.write('docs', 'none', { title: '--' });
    const { code, stdout } = await index();
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringContaining('2 vectors written to the field "blockrank_hierarchy.vector"'),
    });
    const stored = (id: string) => double.documents('docs').get(id)!.source.blockrank_hierarchy;
    const length = Math.hypot(...stored('one').vector);
    expect(length).toBeGreaterThan(1.1);
    // A text without words has no vector.
    expect(stored('none').vector).toBeNull();
    expect(JSON.parse((await index('--json')).stdout).counts).toMatchObject({ written: 0, fresh: 2 });
  });

  it('refuses a field whose name has dots', async () => {
    const { code, stderr } = await index('--vector-field', 'a.b');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('expected one name without dots'),
    });
  });
});
