import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';
import { addTinyDepth, tinyModel } from '../../support/tiny/tiny-model.ts';
import { writeCollection } from '../../support/tiny/write-collection.ts';

const topics = [
  'bread and yeast',
  'tides and the moon',
  'bicycle brakes',
  'tax returns',
  'violin strings',
  'frost',
];

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-tune-'));
  await collection('tiny', topics);
});

afterAll(() => rm(folder, { recursive: true }));

/** A collection with one relevant and one misleading document a topic. */
async function collection(name: string, of: readonly string[]): Promise<string> {
  const path = join(folder, name);
  const documents = of.flatMap((topic, i) => [
    { _id: `r${i}`, title: topic, text: `What everybody should know about ${topic}, explained.` },
    {
      _id: `n${i}`,
      title: '',
      text: `A shop. It once sold a book on ${topic}. What it sells now: explained furniture.`,
    },
  ]);
  await writeCollection(path, {
    documents,
    queries: of.map((topic, i) => ({ _id: `q${i}`, text: `${topic} explained` })),
    judgements: of.map((_, i) => [`q${i}`, `r${i}`, 1]),
  });
  return path;
}

const tune = (...args: readonly string[]): Promise<CliResult> =>
  runCli([
    'tune',
    '--data',
    join(folder, 'tiny'),
    '--trials',
    '40',
    '--cache',
    join(folder, 'states'),
    ...args,
  ]);

// Each run opens the model in a process of its own.
describe('blockrank tune', () => {
  it('prints start, best and chosen, what is held out, and the changes', async () => {
    const { code, stdout } = await tune();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^6 lists of 1 collections, \d+ settings$/m);
    for (const name of ['start', 'best', 'chosen'])
      expect(stdout).toMatch(new RegExp(`^${name} +0?[.1]`, 'm'));
    expect(stdout).toMatch(/On held-out lists: start [01]\.\d{4}, chosen by the same rule [01]\.\d{4}/);
    expect(stdout).toMatch(/^ {2}calibration: \{"slope":\d/m);
  });

  it('writes a model that reranks with what was chosen', async () => {
    const output = join(folder, 'tuned');
    const { code, stdout, stderr } = await tune('--json', '--output', output);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('blockrank.json') });
    const { chosen, lists } = JSON.parse(stdout);
    expect(lists).toBe(6);
    const manifest = JSON.parse(await readFile(join(output, 'blockrank.json'), 'utf8'));
    const { fusionWeight, ...readout } = chosen.setting;
    expect(manifest).toMatchObject({ formatVersion: 1, family: 'encoder', readout, fusionWeight });
    const reranked = await runCli([
      'rerank',
      '--model',
      output,
      'tides',
      'a violin',
      'the moon moves the sea',
      '--json',
    ]);
    expect(reranked.code).toBe(0);
    expect(JSON.parse(reranked.stdout).candidates[0].text).toBe('the moon moves the sea');
  });

  it("fits the readout of a depth, and leaves the model's own", async () => {
    const model = await tinyModel({ depths: { 2: { weights: 'two.safetensors' } } });
    await addTinyDepth(model);
    const output = join(folder, 'tuned-depth');
    const args = ['--model', model, '--depth', '2', '--json', '--output', output];
    const { code, stdout } = await tune(...args);
    expect(code).toBe(0);
    const { fusionWeight, ...readout } = JSON.parse(stdout).chosen.setting;
    const before = JSON.parse(await readFile(join(model, 'blockrank.json'), 'utf8'));
    const after = JSON.parse(await readFile(join(output, 'blockrank.json'), 'utf8'));
    expect(after).toEqual({
      ...before,
      depths: { 2: { weights: 'two.safetensors', readout, fusionWeight } },
    });
    await rm(model, { recursive: true });
  });

  it('gives the same answer twice, and leaves out the excluded queries', async () => {
    const excluded = join(folder, 'excluded.tsv');
    await writeFile(excluded, 'train-collection\ttrain-query-id\tmore\ntiny\tq0\tx\nother\tq1\tx\n');
    const [first, second] = await Promise.all([
      tune('--json', '--exclude', excluded),
      tune('--json', '--exclude', excluded),
    ]);
    expect(JSON.parse(first.stdout).lists).toBe(5);
    expect(first.stdout).toBe(second.stdout);
  });

  it('fails when the model cannot be opened', async () => {
    const { code, stderr } = await tune('--model', 'no-such');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('blockrank.json') });
  });

  it.each([
    ['a folder that is no collection', ['--data', 'no-such'], 'corpus.jsonl'],
    ['an unknown measure', ['--measure', 'F1'], 'expected nDCG@k'],
    ['an exclusion file that is not there', ['--exclude', 'no-such.tsv'], 'no-such.tsv: expected this file'],
    ['one fold', ['--folds', '1'], 'at least 2'],
    ['more folds than lists', ['--folds', '7'], 'expected at least 7 queries'],
  ])('refuses %s', async (_, args, message) => {
    const { code, stderr } = await tune(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});
