import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';
import { tinyDecoder } from '../../support/tiny/tiny-decoder.ts';

const topics = ['bread and yeast', 'tides and the moon', 'bicycle brakes', 'tax returns'];
let data: string;
let model: string;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'blockrank-heads-'));
  model = await tinyDecoder('qwen3-tiny', false);
  const lines = (values: readonly unknown[]): string =>
    values.map((value) => `${JSON.stringify(value)}\n`).join('');
  const corpus = topics.flatMap((topic, i) => [
    { _id: `r${i}`, title: topic, text: `All about ${topic}.` },
    { _id: `n${i}`, title: '', text: `A shop that sold a book on ${topic}.` },
  ]);
  await writeFile(join(data, 'corpus.jsonl'), lines(corpus));
  await writeFile(join(data, 'queries.jsonl'), lines(topics.map((text, i) => ({ _id: `q${i}`, text }))));
  await writeFile(
    join(data, 'qrels.tsv'),
    `query-id\tcorpus-id\tscore\n${topics.map((_, i) => `q${i}\tr${i}\t1\n`).join('')}`,
  );
});

const select = (...args: readonly string[]): Promise<CliResult> =>
  runCli(['select-heads', '--model', model, '--data', data, ...args]);

describe('blockrank select-heads', () => {
  it('writes the heads that order best, and evaluate reads with them', async () => {
    const { code, stdout, stderr } = await select('--heads', '3', '--json');
    expect(stderr).toContain('Wrote');
    expect(code).toBe(0);
    const { heads, scoring } = JSON.parse(stdout) as {
      heads: { layer: number; head: number; mean: number }[];
      scoring: { heads: unknown[]; layers: { from: number; to: number } };
    };
    expect(heads).toHaveLength(3);
    expect(heads[0]!.mean).toBeGreaterThanOrEqual(heads[2]!.mean);
    const manifest = JSON.parse(await readFile(join(model, 'blockrank.json'), 'utf8')) as object;
    expect(manifest).toMatchObject({ family: 'decoder', scoring });
    // Layers above the last chosen one are not computed.
    expect(scoring.layers.to).toBe(Math.max(...heads.map(({ layer }) => layer)) + 1);
    const result = await runCli(['evaluate', '--data', data, '--model', model, '--json']);
    expect(result.stderr).toBe('');
    expect(Object.keys(JSON.parse(result.stdout) as object).length).toBeGreaterThan(0);
    const again = await select();
    expect(again.stderr).toMatch(/heads were chosen already/);
  });

  it('chooses a run of layers instead', async () => {
    const output = join(data, 'window.json');
    const fresh = await tinyDecoder('qwen3-tiny', false);
    const args = ['select-heads', '--model', fresh, '--data', data, '--layers', '2', '--output', output];
    expect((await runCli(args)).code).toBe(0);
    const { scoring } = JSON.parse(await readFile(output, 'utf8')) as {
      scoring: { layers: { from: number; to: number }; heads?: unknown };
    };
    expect(scoring.layers.to - scoring.layers.from).toBe(2);
    expect(scoring.heads).toBeUndefined();
  });

  it('leaves a model alone that was trained to rank', async () => {
    const trained = await tinyDecoder();
    const { code, stderr } = await runCli(['select-heads', '--model', trained, '--data', data]);
    expect(code).not.toBe(0);
    expect(stderr).toContain('trained to rank');
  });

  it('says that readings of states are an encoder’s', async () => {
    const { stderr } = await runCli(['evaluate', '--data', data, '--model', model, '--rerankers', 'cosine']);
    expect(stderr).toContain('only encoders of the profile cacheable keep');
  });
});
