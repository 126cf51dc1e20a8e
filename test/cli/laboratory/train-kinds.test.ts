import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { openReranker } from '../../../engine/index.ts';
import { readCurve, type StepPoint } from '../../../engine/training/trainer/curve.ts';
import { type CliContext, cliContext } from '../../../plugin/cli/context.ts';
import { runExport } from '../../../plugin/cli/laboratory/export.ts';
import { runTrain } from '../../../plugin/cli/laboratory/train.ts';
import { assertAllClose } from '../../support/checks/all-close.ts';
import {
  type RerankServiceDouble,
  startRerankServiceDouble,
} from '../../support/doubles/rerank-service-double.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';
import { tinyDecoder } from '../../support/tiny/tiny-decoder.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';
import { writeTopics } from '../../support/tiny/topics-collection.ts';

let folder: string;
let encoder: string;
let decoder: string;
let service: RerankServiceDouble;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-kinds-'));
  encoder = await tinyModel();
  decoder = await tinyDecoder();
  service = await startRerankServiceDouble({ key: 'secret' });
  await writeTopics(join(folder, 'topics'));
});
afterAll(async () => {
  await service.close();
  for (const each of [folder, encoder, decoder]) await rm(each, { recursive: true });
});

/** The command's own functions in this process; what it notes on standard error comes with its result. */
function context(env: Readonly<Record<string, string>> = {}): CliContext {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  for (const stream of Object.values(streams)) stream.resume();
  const own = { BLOCKRANK_CACHE: join(folder, 'cache'), ...env };
  return cliContext({ ...streams, env: own, argv: [] }, new AbortController().signal);
}

interface Trained {
  readonly run: string;
  readonly steps: readonly StepPoint[];
  readonly facts: { readonly digests: Readonly<Record<string, string>>; readonly recipe: unknown };
}

const common = {
  data: [{ folder: 'topics', queries: 4 }],
  schedule: { rate: 0.003 },
  // Every list in every step, so that losses of two steps can be compared.
  lists: { perStep: 4, documents: 4 },
  steps: 3,
};

async function trained(
  name: string,
  recipe: object,
  env: Readonly<Record<string, string>> = {},
): Promise<Trained> {
  const path = join(folder, `${name}.yaml`);
  await writeFile(path, stringify({ ...common, ...recipe }));
  const run = join(folder, name);
  await runTrain(context(env), path, { output: run, json: true });
  const curve = await readCurve(join(run, 'curve.jsonl'));
  const steps = curve.filter((point): point is StepPoint => point.kind === 'step');
  return { run, steps, facts: JSON.parse(await readFile(join(run, 'run.json'), 'utf8')) };
}

async function exported(run: string): Promise<string> {
  await runExport(context(), run, { output: `${run}-model`, json: true });
  return `${run}-model`;
}

async function served(model: string): Promise<number[]> {
  const reranker = await openReranker({ model, workers: 1, warmUp: false, cacheFolder: folder });
  const list = shortlistOf('moon tides', 'a violin with strings', 'the moon and the sea', 'tides');
  try {
    const { candidates } = await reranker.rerank(list);
    return candidates.toSorted((a, b) => a.index - b.index).map(({ logit }) => logit);
  } finally {
    await reranker.close();
  }
}

describe('blockrank train, by kind', () => {
  it('trains low-rank matrices of a decoder, and exports a decoder that ranks otherwise', async () => {
    const train = { kind: 'decoder', lowRank: { rank: 2 } };
    const losses = { own: { blockRank: 0.1, nextToken: 1 } };
    const { run, steps } = await trained('decoder', { model: decoder, train, losses });
    expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss);
    expect(steps.every(({ tokens }) => Number.isInteger(tokens) && tokens > 100)).toBe(true);
    expect(await served(await exported(run))).not.toEqual(await served(decoder));
  });

  it('trains a residual, whose rw an export folds into the weights', async () => {
    const train = { kind: 'residual', parts: 'rw+lr', rank: 2 };
    const { run, steps } = await trained('residual', { model: encoder, train, losses: { listNet: {} } });
    expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss);
    const model = await exported(run);
    const before = await served(model);
    expect(before).not.toEqual(await served(encoder));
    const output = join(folder, 'folded');
    await runExport(context(), undefined, { model, foldResidual: 'trained', output, json: true });
    assertAllClose(await served(output), before, { atol: 1e-5 });
    const written = JSON.parse(await readFile(join(output, 'blockrank.json'), 'utf8'));
    expect(written.residual).toBe('rest');
  });

  it('refuses an export of neither a training nor a residual, and of both', async () => {
    const output = join(folder, 'none');
    for (const [run, residual] of [
      [undefined, undefined],
      ['run', 'trained'],
    ]) {
      const refused = runExport(context(), run, { output, ...(residual && { foldResidual: residual }) });
      await expect(refused).rejects.toThrow('expected the folder of a training, or --fold-residual');
    }
  });
});

describe('blockrank train with a teacher', () => {
  const train = { kind: 'encoder-layers', layers: [2] };
  const remote = (): object => ({
    api: 'cohere',
    url: `${service.url}/v1/rerank`,
    apiKeyVariable: 'TEACHER_KEY',
  });

  it('learns from a service and a model together, over lists that the model itself mined', async () => {
    const recipe = {
      model: encoder,
      train,
      data: [{ folder: 'topics', queries: 4, mine: true }],
      teacher: [{ remote: remote(), weight: 2 }, { model: encoder }, { model: encoder, weight: 0.5 }],
      losses: { distillation: {} },
      steps: 3,
    };
    const env = { TEACHER_KEY: 'secret', BLOCKRANK_CACHE: join(folder, 'taught-cache') };
    const { steps, facts } = await trained('taught', recipe, env);
    expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss);
    expect(service.asked.length).toBeGreaterThan(0);
    // The key is nowhere in the folder, which may be passed on.
    expect(JSON.stringify(facts)).not.toContain('secret');
    // What was asked once is kept: the same teacher of another training costs no call.
    service.forget();
    await trained('taught-again', { ...recipe, seed: 1, steps: 1 }, env);
    expect(service.asked).toEqual([]);
    // And so is what an encoder has read, though this kind of training keeps no states itself.
    expect((await stat(join(env.BLOCKRANK_CACHE, 'states', 'data.mdb'))).size).toBeGreaterThan(0);
  });

  it('names what is wrong with a teacher before anything is read', async () => {
    const teacher = [
      { remote: { ...remote(), url: 'ftp://host' } },
      { model: 'default', remote: remote() },
      {},
    ];
    const refused = trained('wrong', { model: encoder, train, teacher, losses: { distillation: {} } });
    await expect(refused).rejects.toMatchObject({
      issues: [{ path: 'teacher[0].remote.url' }, { path: 'teacher[1]' }, { path: 'teacher[2]' }],
    });
    const secret = { remote: { ...remote(), url: 'http://user:word@host/rerank' } };
    const credentials = trained('secret', { train, teacher: [secret], losses: { distillation: {} } });
    await expect(credentials).rejects.toThrow('give a key by apiKeyVariable');
  });

  it('says that the variable of the key is not set', async () => {
    const recipe = { model: encoder, train, teacher: [{ remote: remote() }], losses: { distillation: {} } };
    await expect(trained('keyless', recipe)).rejects.toThrow('TEACHER_KEY, which is not set');
  });
});
