import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError, MemoryLimitError, TrainingError } from '../../../../engine/errors.ts';
import { createLosses } from '../../../../engine/training/losses/create-losses.ts';
import { lossesSchema } from '../../../../engine/training/losses/losses-recipe.ts';
import { readCheckpoint } from '../../../../engine/training/trainer/checkpoint.ts';
import { readCurve } from '../../../../engine/training/trainer/curve.ts';
import { readTrained, train } from '../../../../engine/training/trainer/train.ts';
import type { TrainOptions } from '../../../../engine/training/trainer/train-options.ts';
import { builtProgram } from '../../../support/programs/built.ts';
import { tinyLists, tinyTrainee } from '../../../support/tiny/tiny-trainee.ts';
import { tinyTraining } from '../../../support/tiny/tiny-training.ts';

let parent: string;
let count = 0;

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'blockrank-train-'));
});

afterAll(() => rm(parent, { recursive: true }));

const newFolder = (): string => join(parent, String(count++));

const withSettings = (options: TrainOptions, settings: Partial<TrainOptions['settings']>): TrainOptions => ({
  ...options,
  settings: { ...options.settings, ...settings },
});

const checkpointOf = (folder: string) => readCheckpoint(join(folder, 'last.safetensors'));

/** The error that a training ends with. */
const failureOf = (options: TrainOptions): Promise<unknown> =>
  train(options).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('train', () => {
  it('makes the loss smaller and the development value larger', async () => {
    const folder = newFolder();
    const result = await train(tinyTraining(folder));
    expect(result).toMatchObject({ ended: 'steps', step: 24, steps: 24, measure: 'nDCG@10' });
    expect(result.best!.value).toBeGreaterThan(result.start! + 0.03);
    const curve = await readCurve(join(folder, 'curve.jsonl'));
    const losses = curve.flatMap((point) => (point.kind === 'step' ? [point.loss] : []));
    expect(losses).toHaveLength(24);
    expect(mean(losses.slice(-4))).toBeLessThan(mean(losses.slice(0, 4)));
  });

  it('leaves a folder that says everything needed to repeat it', async () => {
    const folder = newFolder();
    const identity = { recipe: { model: 'm' }, digests: { 'a/corpus.jsonl': 'abc' } };
    const result = await train({ ...tinyTraining(folder), identity, versions: { blockrank: '1.2.3' } });
    expect((await readdir(folder)).sort()).toEqual([
      'best.safetensors',
      'curve.jsonl',
      'development.svg',
      'final.safetensors',
      'last.safetensors',
      'loss.svg',
      'result.json',
      'run.json',
    ]);
    const facts = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'));
    expect(facts).toMatchObject({
      recipe: { model: 'm' },
      digests: { 'a/corpus.jsonl': 'abc', 'training lists': expect.stringMatching(/^[0-9a-f]{64}$/) },
      versions: { blockrank: '1.2.3', node: process.versions.node },
      machine: { provider: 'cpu', workers: 2, threads: 1 },
    });
    expect(JSON.parse(await readFile(join(folder, 'result.json'), 'utf8'))).toEqual(result);
    const chart = await readFile(join(folder, 'loss.svg'), 'utf8');
    for (const name of ['<svg', 'loss', 'listNet', 'anchor']) expect(chart).toContain(name);
  });

  it('gives the same numbers for the same seed, with one worker or two, and others for another seed', async () => {
    const trained = async (options: TrainOptions): Promise<Float32Array> => {
      await train(options);
      return options.trainee.tensors.get('inner')!.data;
    };
    const one = await trained({ ...tinyTraining(newFolder()), places: { workers: 1 } });
    expect(await trained(tinyTraining(newFolder()))).toEqual(one);
    expect(await trained(withSettings(tinyTraining(newFolder()), { seed: 4 }))).not.toEqual(one);
  });

  it('ends when measurements have gained nothing for as long as patience allows, and keeps the best', async () => {
    const folder = newFolder();
    // At this rate nothing is learnt that would last.
    const options = withSettings(tinyTraining(folder), {
      schedule: { rate: 3, warmUpSteps: 0, decay: 'constant', finalShare: 0 },
      development: { every: 1, measure: 'nDCG@10', patience: 2 },
      interpolation: undefined,
    });
    const { ended, step, best } = await train(options);
    expect(ended).toBe('patience');
    expect(step).toBe(best!.step + 2);
    const values = (await readCurve(join(folder, 'curve.jsonl'))).flatMap((point) =>
      point.kind === 'development' ? [point.value] : [],
    );
    expect(values.indexOf(Math.max(...values))).toBe(best!.step);
  });

  it('keeps the starting model when no step gains anything', async () => {
    const options = withSettings(tinyTraining(newFolder()), {
      schedule: { rate: 1e-9, warmUpSteps: 0, decay: 'constant', finalShare: 0 },
    });
    const start = options.trainee.tensors.get('inner')!.data.slice();
    const { best, interpolation } = await train(options);
    expect(best!.step).toBe(0);
    expect(interpolation).toBeUndefined();
    expect(options.trainee.tensors.get('inner')!.data).toEqual(start);
  });

  it('chooses the weight between start and end on the development set, and ends with its tensors', async () => {
    const folder = newFolder();
    const options = withSettings(tinyTraining(folder), { interpolation: [0.25, 0.5, 0.75] });
    const start = options.trainee.tensors.get('outer')!.data.slice();
    const { interpolation, best, start: before } = await train(options);
    const { tried, weight, value } = interpolation!;
    expect(tried.map((each) => each.weight)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect([tried[0]!.value, tried.at(-1)!.value]).toEqual([before, best!.value]);
    expect(value).toBe(Math.max(...tried.map((each) => each.value)));
    const end = (await readTrained(folder))!.get('outer')!.data;
    const whole = weight === 1 ? end : start.map((number, i) => number + (end[i]! - number) / weight);
    expect(whole).not.toEqual(start);
    expect(end).toEqual(options.trainee.tensors.get('outer')!.data);
  });

  it('fuses with the first stage when it measures a model that is served so', async () => {
    const development = tinyLists(12, 2).map((list) => ({
      ...list,
      documents: list.documents.map((document) => ({ ...document, firstStageScore: document.gain! })),
    }));
    const started = async (fusionWeight: number) =>
      (
        await train({
          ...withSettings(tinyTraining(newFolder(), { fusionWeight }), { steps: 1 }),
          development,
        })
      ).start!;
    // A first stage that knows the gains, alone, orders every list as it should be.
    expect(await started(1)).toBeCloseTo(1, 12);
    expect(await started(0)).toBeLessThan(0.95);
  });

  it('ends after the step under way when it is interrupted, and goes on to the same end', async () => {
    const [whole, parts] = [tinyTraining(newFolder()), newFolder()];
    await train(whole);
    const interruption = new AbortController();
    const onProgress = ({ step }: { readonly step: number }): void => {
      if (step === 8) interruption.abort(new DOMException('Interrupted.', 'AbortError'));
    };
    const first = await train({ ...tinyTraining(parts), signal: interruption.signal, onProgress });
    expect(first).toMatchObject({ ended: 'interrupted', step: 8 });
    expect((await checkpointOf(parts)).step).toBe(8);
    expect(existsSync(join(parts, 'loss.svg'))).toBe(true);
    const again = tinyTraining(parts);
    expect(await train({ ...again, resume: true })).toMatchObject({ ended: 'steps', step: 24 });
    expect([...again.trainee.tensors]).toEqual([...whole.trainee.tensors]);
    const curve = await readCurve(join(parts, 'curve.jsonl'));
    expect(curve.flatMap(({ kind, step }) => (kind === 'step' ? [step] : []))).toEqual(
      Array.from({ length: 24 }, (_, i) => i + 1),
    );
  });
});

describe('a training that cannot go on', () => {
  it('names the step at which the loss is no number, and keeps the last checkpoint', async () => {
    const bad = tinyTraining(newFolder());
    const lists = bad.lists.map((list, i) => (i === 7 ? { ...list, query: `${list.query} infinite` } : list));
    const trainee = tinyTrainee();
    const feeds: typeof trainee.feeds = async (list) => {
      const given = await trainee.feeds(list);
      if (list.query.endsWith('infinite')) given['features']!.data.fill(Number.NaN as never);
      return given;
    };
    const error = await failureOf({
      ...withSettings(bad, { checkpointEvery: 1 }),
      lists,
      losses: createLosses(lossesSchema.parse({ listNet: {} })),
      trainee: { ...trainee, feeds },
    });
    expect(error).toBeInstanceOf(TrainingError);
    const { fault, step, checkpointStep, message, code } = error as TrainingError;
    expect({ fault, code }).toEqual({ fault: 'not-finite', code: 'training' });
    expect(checkpointStep).toBe(step - 1);
    expect(message).toContain(
      `stopped at step ${step}: the loss is NaN. The checkpoint of step ${step - 1} stays`,
    );
    const kept = await checkpointOf(bad.folder);
    expect(kept.step).toBe(step - 1);
    for (const { data } of kept.tensors.values()) expect(data.every(Number.isFinite)).toBe(true);
  });

  it('stops before a step that would make a weight infinite', async () => {
    const options = withSettings(tinyTraining(newFolder()), {
      schedule: { rate: 1e38, warmUpSteps: 0, decay: 'constant', finalShare: 0 },
      optimiser: { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1 },
    });
    const error = await failureOf(options);
    expect(error).toMatchObject({ name: 'TrainingError', fault: 'not-finite' });
    expect((await checkpointOf(options.folder)).step).toBe(0);
  });

  it.skipIf(!existsSync('/dev/full'))(
    'keeps what it has when the disk is full, and goes on when there is room',
    async () => {
      const [whole, folder] = [tinyTraining(newFolder()), newFolder()];
      await train(whole);
      const full = join(folder, 'last.safetensors.part');
      const onProgress = ({ step }: { readonly step: number }): void => {
        // What is written beside the checkpoint of step 9 goes to a device that is always full.
        if (step === 7 && !existsSync(full)) linked = symlink('/dev/full', full);
      };
      let linked: Promise<void> | undefined;
      const error = await failureOf({ ...tinyTraining(folder), onProgress });
      await linked;
      expect(error).toMatchObject({ name: 'TrainingError', fault: 'disk', step: 9, checkpointStep: 6 });
      expect((error as Error).message).toContain('the disk is full. The checkpoint of step 6 stays');
      expect((await checkpointOf(folder)).step).toBe(6);
      const again = tinyTraining(folder);
      await train({ ...again, resume: true });
      expect([...again.trainee.tensors]).toEqual([...whole.trainee.tensors]);
    },
  );

  it('says before it runs that a list would not fit', async () => {
    const options = tinyTraining(newFolder());
    const error = await failureOf({ ...options, places: { memoryLimitBytes: 1000 } });
    expect(error).toBeInstanceOf(MemoryLimitError);
    const { neededBytes, allowedBytes, message } = error as MemoryLimitError;
    expect(allowedBytes).toBe(1000);
    // Tensors, gradients, start and Adam's two averages are 132 + 4 numbers each; features 7 x 32.
    expect(neededBytes).toBeGreaterThan(5 * 136 * 4 + 7 * 32 * 4);
    expect(neededBytes).toBeLessThan(40_000);
    expect(message).toMatch(
      /Cannot train on query "q\d+" of "trees" with 7 documents: .*take fewer documents/,
    );
  });

  it('says that the device has no memory, and keeps the step before', async () => {
    const [whole, folder] = [tinyTraining(newFolder(), { ballast: () => 1 }), newFolder()];
    await train(whole);
    let step = 0;
    // 2^46 numbers are more than any process can address.
    const ballast = (): number => (step === 7 ? 2 ** 23 : 1);
    const onProgress = (progress: { readonly step: number }): void => {
      step = progress.step;
    };
    const places = { memoryLimitBytes: Number.POSITIVE_INFINITY };
    const error = await failureOf({ ...tinyTraining(folder, { ballast }), places, onProgress });
    expect(error).toMatchObject({
      name: 'TrainingError',
      fault: 'device-memory',
      step: 8,
      checkpointStep: 7,
    });
    expect((error as Error).message).toContain('The device (cpu) has no memory left at step 8');
    const again = tinyTraining(folder, { ballast: () => 1 });
    await train({ ...again, resume: true });
    expect([...again.trainee.tensors]).toEqual([...whole.trainee.tensors]);
  });
});

describe('a training that is resumed', () => {
  it('goes on bit by bit as if it had never been killed, wherever that was', async () => {
    const [whole, folder] = [newFolder(), newFolder()];
    await train(tinyTraining(whole));
    const kills = [2, 7, 7, 13, 20];
    for (const [i, lines] of kills.entries()) await killAfter(folder, lines, i > 0);
    await train({ ...tinyTraining(folder), resume: true });
    for (const name of ['final', 'last', 'best']) {
      const [one, other] = await Promise.all(
        [whole, folder].map((each) => readFile(join(each, `${name}.safetensors`))),
      );
      expect(other!.equals(one!), name).toBe(true);
    }
    const curves = await Promise.all([whole, folder].map((each) => readCurve(join(each, 'curve.jsonl'))));
    const [one, other] = curves.map((points) => points.map((point) => ({ ...point, ms: 0 })));
    expect(other).toEqual(one);
  });

  it('refuses data that changed, another recipe and another model, naming each', async () => {
    const folder = newFolder();
    const identity = { recipe: { seed: 3, losses: { listNet: 1 } }, digests: { corpus: 'a', qrels: 'b' } };
    await train({ ...tinyTraining(folder), identity });
    const kept = await readFile(join(folder, 'last.safetensors'));
    const changed = { recipe: { seed: 3, losses: { listNet: 2 } }, digests: { corpus: 'c' } };
    const error = await failureOf({
      ...tinyTraining(folder, { seed: 2 }),
      lists: tinyLists(13, 9),
      identity: changed,
      resume: true,
    });
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as ConfigurationError).issues.map(({ path }) => path)).toEqual([
      'losses.listNet',
      'corpus',
      'qrels',
      'starting tensors',
      'training lists',
    ]);
    expect((await readFile(join(folder, 'last.safetensors'))).equals(kept)).toBe(true);
  });

  it('refuses a folder without a training, and a new training in a folder that has one', async () => {
    const folder = newFolder();
    const missing = await failureOf({ ...tinyTraining(folder), resume: true });
    expect(missing).toMatchObject({ name: 'ConfigurationError' });
    expect((missing as Error).message).toContain('expected "run.json"');
    await train(withSettings(tinyTraining(folder), { steps: 1 }));
    const twice = await failureOf(tinyTraining(folder));
    expect((twice as Error).message).toContain('holds a training already: go on with --resume');
    await writeFile(join(folder, 'run.json'), '{"formatVersion":2}');
    const newer = await failureOf({ ...tinyTraining(folder), resume: true });
    expect((newer as Error).message).toContain('format version 2, this build reads 1');
  });

  it('says that a checkpoint is damaged, and leaves it', async () => {
    const folder = newFolder();
    await train(tinyTraining(folder));
    await writeFile(join(folder, 'last.safetensors'), 'no tensors');
    const error = await failureOf({ ...tinyTraining(folder), resume: true });
    expect(error).toMatchObject({ name: 'ModelFormatError', path: join(folder, 'last.safetensors') });
  });
});

/** Trains in another process until its curve has so many more lines than the steps of its checkpoint, and kills that. */
async function killAfter(folder: string, lines: number, isResumed: boolean): Promise<void> {
  const program = builtProgram('test/support/programs/train-program.ts');
  const child = spawn(process.execPath, [program, folder, '25', isResumed ? '--resume' : ''], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.on('exit', (_, signal) => resolve(signal)),
  );
  const curve = join(folder, 'curve.jsonl');
  const stepsDone = async (): Promise<number> => {
    const points = existsSync(curve) ? await readCurve(curve) : [];
    return Math.max(0, ...points.map(({ step }) => step));
  };
  while (child.exitCode === null && (await stepsDone()) < lines) await sleep(5);
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
