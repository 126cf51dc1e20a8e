import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, runCli } from '../support/programs/run-cli.ts';
import { tinyModel } from '../support/tiny/tiny-model.ts';
import { writeCollection } from '../support/tiny/write-collection.ts';

const documents = ['bread needs yeast and salt', 'tides follow the moon', 'brakes squeak', 'violin strings'];
const queries = ['bread', 'tides', 'brakes', 'violin', 'yeast', 'moon'];

let folder: string;
let model: string;
const file = (name: string): string => join(folder, name);
const router = (...args: readonly string[]): Promise<CliResult> =>
  runCli(['router', ...args, '--model', model]);
const contents = async (of: string): Promise<Record<string, string>> => {
  const names = [
    'clusters.json',
    'validation.json',
    ...(await readdir(join(of, 'rerankers'))).map((name) => join('rerankers', name)),
  ];
  const texts = await Promise.all(names.map((name) => readFile(join(of, name), 'utf8')));
  return Object.fromEntries(names.map((name, i) => [name, texts[i]!]));
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-router-'));
  model = await tinyModel();
  await writeCollection(file('tiny'), {
    documents: documents.map((text, i) => ({ _id: `d${i}`, text })),
    queries: queries.map((text, i) => ({ _id: `q${i}`, text })),
    judgements: queries.map((_, i) => [`q${i}`, `d${i < 4 ? i : i - 4}`, 1]),
  });
});
afterAll(() => rm(folder, { recursive: true }));

describe('blockrank router', () => {
  it('fits a router, takes another reranker on board without a change of its files, and reports', async () => {
    const fit = await router(
      'fit',
      ...['--data', file('tiny'), '--candidates', 'judged', '--output', file('router')],
      ...['--rerankers', 'first-stage,default', '--clusters', '2', '--costs', 'warm'],
    );
    expect(fit).toMatchObject({ code: 0, stderr: '' });
    expect(fit.stdout).toContain('6 queries in 2 clusters');
    const before = await contents(file('router'));
    const added = await router(
      'onboard',
      '--router',
      file('router'),
      '--rerankers',
      'cascade:first-stage:default:2',
    );
    expect(added).toMatchObject({ code: 0, stderr: '' });
    const after = await contents(file('router'));
    expect(after).toMatchObject(before);
    expect(Object.keys(after)).toHaveLength(Object.keys(before).length + 1);
    const told = await router(
      'report',
      '--router',
      file('router'),
      '--folds',
      '3',
      '--chart',
      file('curve.svg'),
    );
    expect(told).toMatchObject({ code: 0, stderr: '' });
    for (const name of ['zero', 'K-NN', 'K-means 1', 'K-means 2', 'learned map 2', 'oracle', 'cascade:first'])
      expect(told.stdout).toContain(name);
    expect(await readFile(file('curve.svg'), 'utf8')).toMatch(/^<svg/);
  }, 60_000);

  it('refuses names that are none, all at once, and a folder that exists', async () => {
    const args = ['--data', file('tiny'), '--candidates', 'judged'];
    const names = await router(
      'fit',
      ...args,
      '--output',
      file('new'),
      '--rerankers',
      'fast,default,cascade:default',
    );
    expect(names.code).toBe(2);
    expect(names.stderr).toContain('got "fast"');
    expect(names.stderr).toContain('got "cascade:default"');
    expect(existsSync(file('new'))).toBe(false);
  });
});
