import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';
import { addTinyDepth, tinyModel } from '../../support/tiny/tiny-model.ts';
import { writeCollection } from '../../support/tiny/write-collection.ts';

const topics = ['bread', 'tides', 'brakes', 'taxes', 'violins', 'frost'];
let folder: string;
let model: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-smoothing-'));
  await writeCollection(folder, {
    documents: topics.flatMap((topic, i) => [
      { _id: `r${i}`, title: topic, text: `What everybody should know about ${topic}.` },
      { _id: `s${i}`, title: topic, text: `What nobody should know about ${topic}.` },
      { _id: `n${i}`, title: '', text: `A shop that once sold a book on ${topic}, and furniture.` },
    ]),
    queries: topics.map((topic, i) => ({ _id: `q${i}`, text: `know ${topic}` })),
    judgements: topics.flatMap((_, i) => [[`q${i}`, `r${i}`, 1] as const, [`q${i}`, `s${i}`, 1] as const]),
  });
  model = await tinyModel({ depths: { 2: { weights: 'two.safetensors' } } });
  await addTinyDepth(model);
});
afterAll(() => Promise.all([folder, model].map((each) => rm(each, { recursive: true }))));

const smoothing = (...args: readonly string[]): Promise<CliResult> =>
  runCli(['smoothing', '--data', folder, '--model', model, '--folds', '2', '--no-cache', ...args]);

describe('blockrank smoothing', () => {
  it('prints what was learnt, what it is worth, and what to write into the file', async () => {
    const { code, stdout, stderr } = await smoothing('--neighbours', '2');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^6 lists\n/);
    expect(stdout).toMatch(/Gain -?0\.\d{4}, standard error/);
    expect(stdout).toMatch(/stage:\n {2}smoothing:\n {4}edgeWeight: [\d.e-]+\n/);
    expect(stdout).toContain('    neighbours: 2\n    edges: embeddings');
  });

  it('compares a part that is read, and a smaller depth, with the whole', async () => {
    for (const args of [
      ['--read', '2'],
      ['--depth', '2'],
    ]) {
      const { code, stdout } = await smoothing(...args);
      expect(code).toBe(0);
      expect(stdout).toContain('all read, with all layers');
    }
  });

  it.each([
    [['--measure', 'x'], 'measure'],
    [['--read', '2', '--depth', '1'], 'not both'],
    [['--folds', '9'], 'expected at least 9 queries'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await smoothing(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});
