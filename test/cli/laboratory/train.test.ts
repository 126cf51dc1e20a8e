import { existsSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type CliOptions, type CliResult, runCli } from '../../support/programs/run-cli.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';
import { writeTopics } from '../../support/tiny/topics-collection.ts';

let folder: string;
let tiny: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-train-'));
  tiny = await tinyModel();
  await writeTopics(join(folder, 'topics'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
  await rm(tiny, { recursive: true });
});

const readout = {
  train: { kind: 'readout', anchorRank: 4, listWidth: 4 },
  data: [{ folder: 'topics', foldDuplicates: true }],
  losses: { listNet: {}, anchor: { weight: 0.1 } },
  schedule: { rate: 0.01, warmUpSteps: 1, decay: 'cosine' },
  lists: { perStep: 3, documents: 6 },
  steps: 8,
  development: { share: 0.4, every: 4 },
  interpolation: [0.5],
  checkpointEvery: 2,
};

async function recipeOf(name: string, recipe: object): Promise<string> {
  const path = join(folder, `${name}.yaml`);
  await writeFile(path, stringify(recipe));
  return path;
}

const train = (
  recipe: string,
  output: string,
  args: readonly string[] = [],
  options: CliOptions = {},
): Promise<CliResult> =>
  runCli(['train', recipe, '--output', join(folder, output), '--cache', join(folder, 'states'), ...args], {
    variables: { BLOCKRANK_CACHE: join(folder, 'cache') },
    ...options,
  });

describe('blockrank train', () => {
  it('trains how the shipped model reads, and exports a model that reranks', {
    timeout: 300_000,
  }, async () => {
    const recipe = await recipeOf('readout', readout);
    const { code, stdout, stderr } = await train(recipe, 'run');
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^topics: \d+ lists/m) });
    expect(stdout).toMatch(/^8 of 8 steps: all steps done$/m);
    expect(stdout).toMatch(
      /^nDCG@10 on the development set: start [01]\.\d{4}, best [01]\.\d{4} at step \d$/m,
    );
    const facts = JSON.parse(await readFile(join(folder, 'run', 'run.json'), 'utf8'));
    expect(Object.keys(facts.digests)).toEqual(
      expect.arrayContaining(['topics/corpus.jsonl', 'topics/qrels.tsv', 'model default/model.safetensors']),
    );
    expect(await readFile(join(folder, 'run', 'recipe.yaml'), 'utf8')).toBe(await readFile(recipe, 'utf8'));
    const model = join(folder, 'model');
    const exported = await runCli(['export', join(folder, 'run'), '--output', model]);
    expect({ code: exported.code, stderr: exported.stderr }).toEqual({ code: 0, stderr: '' });
    const card = await readFile(join(model, 'README.md'), 'utf8');
    for (const text of ['| topics | ', 'readout', 'nDCG@10, development set', 'To be added'])
      expect(card).toContain(text);
    const reranked = await runCli([
      'rerank',
      '--model',
      model,
      'tides',
      'a violin',
      'the moon moves the sea',
      '--json',
    ]);
    expect(reranked.code).toBe(0);
    expect(JSON.parse(reranked.stdout).candidates[0].text).toBe('the moon moves the sea');
  });

  it.each([
    { kind: 'encoder-layers', layers: [1] },
    { kind: 'in-context', layers: [1] },
    { kind: 'readout', anchorRank: 0, tokenRank: 2, listWidth: 0, precision: 'int8' },
  ])(
    'trains $kind with the same recipe but for its kind',
    {
      timeout: 300_000,
    },
    async (what) => {
      const { kind } = what;
      const recipe = await recipeOf(kind, { ...readout, model: tiny, train: what });
      const { code, stdout, stderr } = await train(recipe, kind, ['--json']);
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
      expect(JSON.parse(stdout)).toMatchObject({ ended: 'steps', step: 8, measure: 'nDCG@10' });
      const curve = (await readFile(join(folder, kind, 'curve.jsonl'), 'utf8')).trim().split('\n');
      const losses = curve.map((line) => JSON.parse(line)).filter((line) => line.kind === 'step');
      expect(losses.at(-1).loss).toBeLessThan(losses[0].loss);
    },
  );

  it('exports a model whose documents see the query, which every command reads', {
    timeout: 300_000,
  }, async () => {
    const model = join(folder, 'in-context-model');
    const exported = await runCli(['export', join(folder, 'in-context'), '--output', model]);
    expect({ code: exported.code, stderr: exported.stderr }).toEqual({ code: 0, stderr: expect.any(String) });
    const evaluated = await runCli([
      'evaluate',
      '--model',
      model,
      '--data',
      join(folder, 'topics'),
      '--json',
    ]);
    expect({ code: evaluated.code, stderr: evaluated.stderr }).toEqual({
      code: 0,
      stderr: expect.any(String),
    });
    const states = await runCli(['tune', '--model', model, '--data', join(folder, 'topics')]);
    expect(states.code).toBe(2);
    expect(states.stderr).toContain('keeps no states');
  });

  it('ends after the step under way with Ctrl-C, and goes on to the same end', {
    timeout: 300_000,
  }, async () => {
    const long = {
      ...readout,
      model: tiny,
      train: { kind: 'encoder-layers' },
      steps: 40,
      development: undefined,
      interpolation: undefined,
    };
    const recipe = await recipeOf('long', long);
    const curve = join(folder, 'cut', 'curve.jsonl');
    const whole = await train(recipe, 'whole');
    expect(whole.code).toBe(0);
    const cut = await train(recipe, 'cut', [], {
      interruptAfter: (run) => run.until(() => existsSync(curve)),
    });
    expect({ code: cut.code, stdout: cut.stdout }).toEqual({
      code: 130,
      stdout: expect.stringMatching(/^\d+ of 40 steps: interrupted\ngo on: blockrank train /m),
    });
    const again = await train(recipe, 'cut', ['--resume']);
    expect({ code: again.code, stderr: again.stderr }).toEqual({ code: 0, stderr: expect.any(String) });
    const [one, other] = await Promise.all(
      ['whole', 'cut'].map((run) => readFile(join(folder, run, 'final.safetensors'))),
    );
    expect(other!.equals(one!)).toBe(true);
    // What the training read is another file now.
    await appendFile(join(folder, 'topics', 'qrels.tsv'), 'q0\tgood3\t0\n');
    const changed = await train(recipe, 'cut', ['--resume']);
    expect(changed.code).toBe(2);
    expect(changed.stderr).toContain('topics/qrels.tsv: has changed since the training was started');
    expect((await readFile(join(folder, 'cut', 'final.safetensors'))).equals(one!)).toBe(true);
  });

  it('names every problem of a recipe at once', async () => {
    const recipe = await recipeOf('wrong', {
      train: { kind: 'layers' },
      data: [{ folder: 'topics', candidate: 'bm25' }],
      losses: { distillation: { weight: -1 } },
      optimiser: { kind: 'sgd' },
      schedule: {},
      steps: 0,
      stepz: 3,
    });
    const { code, stderr } = await train(recipe, 'nowhere');
    expect(code).toBe(2);
    for (const problem of [
      'train.kind: expected "readout", "encoder-layers", "in-context", "decoder" or "residual", got "layers"',
      'data[0].candidate: ',
      'losses.distillation.weight: expected more than 0, got -1',
      'optimiser.kind: expected "adamw" or "one-sided-shampoo", got "sgd"',
      'schedule.rate: ',
      'steps: expected at least 1, got 0',
      'stepz: ',
    ])
      expect(stderr).toContain(problem);
    expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  });

  it('names contradictions of a recipe', async () => {
    const losses = { distillation: {} };
    const recipe = await recipeOf('contradictions', {
      ...readout,
      losses,
      development: undefined,
      lists: { documents: 4, relevant: 4 },
    });
    const { code, stderr } = await train(recipe, 'nowhere');
    expect(code).toBe(2);
    expect(stderr).toContain('teacher: required: a loss reads its scores');
    expect(stderr).toContain('development: required: interpolation chooses its weight on it');
    expect(stderr).toContain('lists.relevant: expected fewer than the 4 documents of a list, got 4');
  });

  it.each([
    ['a recipe that is not there', 'no-such.yaml', {}, 'Cannot read the recipe'],
    ['a collection that is not there', undefined, { data: [{ folder: 'no-such' }] }, 'corpus.jsonl'],
  ])('refuses %s', async (name, path, change, message) => {
    const recipe = path ?? (await recipeOf(name.replaceAll(' ', '-'), { ...readout, ...change }));
    const { code, stderr } = await train(recipe, 'nowhere');
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
  });
});

describe('blockrank export', () => {
  it('refuses a folder that holds no training', async () => {
    const { code, stderr } = await runCli(['export', folder, '--output', join(folder, 'exported')]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('expected "run.json"') });
  });
});
