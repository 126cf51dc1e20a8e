import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';
import { writeTopics } from '../../support/tiny/topics-collection.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-calibrate-'));
  await writeTopics(join(folder, 'topics'));
});

afterAll(() => rm(folder, { recursive: true }));

const calibrate = (...args: readonly string[]): Promise<CliResult> =>
  runCli(['calibrate', '--data', join(folder, 'topics'), '--cache', join(folder, 'states'), ...args]);

describe('blockrank calibrate', () => {
  it('fits thirty judged documents, draws, and writes a model whose manifest has the rules', async () => {
    const [output, chart] = [join(folder, 'model'), join(folder, 'chart.svg')];
    const args = ['--candidates', 'judged', '--relevant-from', '2', '--output', output, '--chart', chart];
    const { code, stdout, stderr } = await calibrate(...args, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('blockrank.json') });
    const { rules, measured } = JSON.parse(stdout);
    expect(measured['held out'].documents).toEqual({ count: 30, relevant: 10 });
    expect(JSON.parse(await readFile(join(output, 'blockrank.json'), 'utf8')).relevance).toEqual(rules);
    expect(await readFile(chart, 'utf8')).toMatch(/^<svg/);
  });

  it('says what is missing where there are too few labels', async () => {
    const { code, stderr } = await calibrate();
    expect(code).toBe(2);
    expect(stderr).toContain('expected at least 50 judged queries with candidates, got 10');
    const alike = await calibrate('--candidates', 'judged', '--relevant-from', '3');
    expect(alike.stderr).toContain('got 0 relevant ones of 30');
  });
});
