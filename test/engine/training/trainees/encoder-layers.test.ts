import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as g from '../../../../engine/graph/operations/index.ts';
import { scalar, type Value } from '../../../../engine/graph/value.ts';
import {
  ConfigurationError,
  type EncoderReranker,
  openEncoderReranker,
  QueryError,
} from '../../../../engine/index.ts';
import { openModelFolder } from '../../../../engine/model/folder.ts';
import { quantiseWeights } from '../../../../engine/model/quantise-folder.ts';
import { toHeadsFile } from '../../../../engine/model/readout-heads.ts';
import type { GraphSession } from '../../../../engine/session/runtime.ts';
import { createOptimiser } from '../../../../engine/training/optimisers/create-optimiser.ts';
import { optimiserSchema } from '../../../../engine/training/optimisers/settings.ts';
import { encoderLayersTrainee } from '../../../../engine/training/trainees/encoder-layers.ts';
import type { Trainee } from '../../../../engine/training/trainer/trainee.ts';
import { gradientOf, trainingGraph } from '../../../../engine/training/training-graph.ts';
import { readTensorTable } from '../../../../engine/weights/safetensors.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { openTraineeGraph, runTrainee, servedLogits } from '../../../support/checks/trainee-graphs.ts';
import { starsList as list } from '../../../support/tiny/stars-list.ts';
import { tinyHeadSizes, tinyHeadTensors } from '../../../support/tiny/tiny-heads.ts';
import { addTinyDepth, leaveOutUnits, tinyModel } from '../../../support/tiny/tiny-model.ts';

let model: string;
let scratch: string;
let open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  model = await tinyModel({ depths: { 2: { weights: 'two.safetensors' } } });
  await addTinyDepth(model);
  scratch = await mkdtemp(join(tmpdir(), 'blockrank-layers-'));
});
afterAll(async () => {
  for (const each of open) await each.close();
  open = [];
  for (const folder of [model, scratch]) await rm(folder, { recursive: true });
});

const opened = async (options: Parameters<typeof encoderLayersTrainee>[0] = {}): Promise<Trainee> => {
  const trainee = await encoderLayersTrainee({ model, ...options });
  open.push(trainee);
  return trainee;
};

const reranker = async (options: Parameters<typeof openEncoderReranker>[0]): Promise<EncoderReranker> => {
  const one = await openEncoderReranker({ model, workers: 1, warmUp: false, ...options });
  open.push(one);
  return one;
};

/** The logits that serving gives, in the list's order. */
const served = async (options: Parameters<typeof openEncoderReranker>[0]): Promise<number[]> =>
  servedLogits(await reranker(options), list);

async function openGraphOf(
  trainee: Trainee,
  outputs: Readonly<Record<string, Value>>,
): Promise<GraphSession> {
  const session = await openTraineeGraph(trainee, outputs);
  open.push({ close: () => session.release() });
  return session;
}

const runOn = (trainee: Trainee, session: GraphSession, names: readonly string[]) =>
  runTrainee(trainee, session, { list, names });

const ownLoss = ({ ownLosses }: Trainee): Value =>
  g.add(ownLosses!['tokenCosine']!, ownLosses!['anchorCosine']!);

describe('encoderLayersTrainee', () => {
  it.each([
    ['a smaller depth', { depth: 2 }],
    ['the full depth', {}],
  ])('gives the logits that are served at %s', async (_, options) => {
    const trainee = await opened(options);
    const session = await openGraphOf(trainee, { logits: trainee.logits });
    const logits = (await runOn(trainee, session, ['logits']))('logits');
    assertAllClose(logits, await served(options), { rtol: 1e-4, atol: 1e-4 });
  });

  it('trains narrower layers, and gives the logits that are served over them', async () => {
    const narrow = await tinyModel({ depths: { 2: { weights: 'narrow.safetensors' } } });
    const kept = [
      { heads: [1, 3], inner: [0, 5, 17] },
      { heads: [0], inner: [7, 8] },
      { heads: [0, 1, 2, 3], inner: [1] },
    ];
    await leaveOutUnits(narrow, kept, 'narrow');
    const options = { model: narrow, depth: 2 };
    const trainee = await opened(options);
    const session = await openGraphOf(trainee, { logits: trainee.logits });
    const logits = (await runOn(trainee, session, ['logits']))('logits');
    assertAllClose(logits, await served(options), { rtol: 1e-4, atol: 1e-4 });
    expect(trainee.tensors.get('encoder.layer.2.intermediate.dense.weight')!.shape).toEqual([1, 48]);
    await expect(encoderLayersTrainee({ ...options, layers: [3] })).rejects.toThrow(
      'expected whole numbers from 0 to 2, got 3',
    );
    const folder = join(scratch, 'narrow');
    const changed = [...trainee.tensors].map(
      ([name, { shape, data }]) => [name, { shape, data: data.map((value) => 2 * value) }] as const,
    );
    await trainee.save(folder, new Map(changed));
    const again = await opened({ model: folder, depth: 2 });
    expect([...again.tensors]).toEqual(changed);
    await rm(narrow, { recursive: true });
  });

  it.each([{}, { followsFullDepth: false }])(
    'reads queries at the full depth where they are served so: %j',
    async (options) => {
      const asking = await tinyModel({
        depths: { 2: { weights: 'two.safetensors', queries: 'full-depth' } },
      });
      await addTinyDepth(asking);
      const trainee = await opened({ model: asking, depth: 2, ...options });
      const session = await openGraphOf(trainee, { logits: trainee.logits });
      const logits = (await runOn(trainee, session, ['logits']))('logits');
      const expected = await served({ model: asking, depth: 2 });
      assertAllClose(logits, expected, { rtol: 1e-4, atol: 1e-4 });
      expect(expected).not.toEqual(await served({ depth: 2 }));
      await rm(asking, { recursive: true });
    },
  );

  it('reads with the trained parts of the readout that the model has', async () => {
    const headed = await tinyModel({ heads: 'heads.safetensors' });
    const heads = tinyHeadTensors(tinyHeadSizes(48));
    await writeFile(join(headed, 'heads.safetensors'), toHeadsFile(heads));
    const trainee = await opened({ model: headed });
    const session = await openGraphOf(trainee, { logits: trainee.logits });
    const logits = (await runOn(trainee, session, ['logits']))('logits');
    const expected = await served({ model: headed });
    assertAllClose(logits, expected, { rtol: 1e-4, atol: 1e-4 });
    expect(expected).not.toEqual(await served({}));
    await rm(headed, { recursive: true });
  });

  it('trains the layers that are named, and computes each layer a second time for the same gradients', async () => {
    const trainee = await opened({ depth: 2, layers: [1] });
    expect([...trainee.tensors.keys()].every((name) => name.startsWith('encoder.layer.1.'))).toBe(true);
    expect(trainee.tensors.size).toBe(16);
    const loss = g.add(
      ownLoss(trainee),
      g.multiply(g.sumOver(trainee.logits, [0], { keeps: false }), scalar(0)),
    );
    const { parameters } = trainee;
    const names = Object.keys(parameters).map(gradientOf);
    const whole = await openGraphOf(trainee, trainingGraph({ loss, parameters }));
    const again = await openGraphOf(trainee, trainingGraph({ loss, parameters, kept: trainee.kept! }));
    const [expected, found] = [await runOn(trainee, whole, names), await runOn(trainee, again, names)];
    for (const name of names) assertAllClose(found(name), expected(name), { rtol: 1e-4, atol: 1e-6 });
  });

  it('comes nearer to the full depth by training, and serves what it learnt', async () => {
    const trainee = await opened({ depth: 2 });
    const { parameters, tensors } = trainee;
    const loss = ownLoss(trainee);
    const graph = trainingGraph({
      loss,
      parameters,
      kept: trainee.kept!,
      others: { logits: trainee.logits },
    });
    const session = await openGraphOf(trainee, graph);
    const optimiser = createOptimiser(optimiserSchema.parse({ kind: 'adamw' }), tensors);
    const losses: number[] = [];
    for (let step = 0; step < 30; step += 1) {
      const read = await runOn(trainee, session, Object.keys(graph));
      losses.push(read('loss')[0]!);
      optimiser.step(new Map(Object.keys(parameters).map((name) => [name, read(gradientOf(name))])), 2e-3);
    }
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
    const saved = join(scratch, 'trained');
    await trainee.save(saved, tensors);
    const logits = (await runOn(trainee, session, ['logits']))('logits');
    assertAllClose(await served({ model: saved, depth: 2 }), logits, { rtol: 1e-4, atol: 1e-4 });
    assertAllClose(await served({ model: saved }), await served({}));
    const [before, after] = await Promise.all([reranker({ depth: 2 }), reranker({ model: saved, depth: 2 })]);
    expect(after.info.encodingDigest).not.toBe(before.info.encodingDigest);
  });

  it.each([
    [{}, [false, true, false, false]],
    [{ depth: 2 }, [true, false, true, false]],
  ])('leaves out what was fitted to the layers before: %j', async (options: { depth?: number }, kept) => {
    const relevance = { hit: { bias: 0, coefficients: { cosine: 1 } } };
    const dropping = { firstStageWeight: 0.5 };
    const two = { weights: 'two.safetensors', relevance, dropping, queries: 'full-depth' } as const;
    const judged = await tinyModel({ relevance, depths: { 2: two } });
    await addTinyDepth(judged);
    const trainee = await opened({ model: judged, ...options });
    const saved = join(scratch, `judged-${options.depth ?? 3}`);
    await trainee.save(saved, trainee.tensors);
    const { manifest } = await openModelFolder(saved);
    const smaller = manifest.depths['2']!;
    const fitted = [manifest.relevance, smaller.relevance, smaller.dropping, smaller.queries];
    expect(fitted.map(Boolean)).toEqual(kept);
    await rm(judged, { recursive: true });
  });

  it('writes matrices as 8-bit integers where the file had them so', async () => {
    const small = await tinyModel({ depths: { 2: { weights: 'two.safetensors' } } });
    await addTinyDepth(small, [0, 2], 'float.safetensors');
    await quantiseWeights(join(small, 'float.safetensors'), join(small, 'two.safetensors'));
    const trainee = await opened({ model: small, depth: 2, layers: [1] });
    const saved = join(scratch, 'integers');
    await trainee.save(saved, trainee.tensors);
    const [before, after] = await Promise.all(
      [small, saved].map((folder) => readTensorTable(join(folder, 'two.safetensors'))),
    );
    const forms = (table: typeof before): unknown[] =>
      [...table!].map(([name, { type, shape }]) => [name, type, shape]).sort();
    expect(forms(after)).toEqual(forms(before));
    // Numbers that lie on the steps of 8-bit integers are on them again.
    const options = { model: small, depth: 2 } as const;
    assertAllClose(await served({ ...options, model: saved }), await served(options), {
      rtol: 1e-5,
      atol: 1e-5,
    });
    await rm(small, { recursive: true });
  });

  it.each([
    [{ depth: 1 }, 'depth', 'expected 3 or 2, got 1'],
    [{ depth: 2, layers: [0, 2] }, 'layers', 'expected whole numbers from 0 to 1, got 2'],
    [{ layers: [] }, 'layers', 'expected whole numbers from 0 to 2, got none'],
  ])('refuses %j', async (options, path, message) => {
    const refused = encoderLayersTrainee({ model, ...options });
    await expect(refused).rejects.toThrow(ConfigurationError);
    await expect(refused).rejects.toMatchObject({ issues: [{ path, message }] });
  });

  it('names the query that holds no word', async () => {
    const trainee = await opened({ depth: 2, followsFullDepth: false });
    const asked = trainee.feeds({ ...list, query: ' ' });
    await expect(asked).rejects.toThrow(QueryError);
    await expect(asked).rejects.toThrow('query "q" of "tiny"');
  });
});
