import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as g from '../../../../engine/graph/operations/index.ts';
import { input, scalar, type Value } from '../../../../engine/graph/value.ts';
import { ConfigurationError, openReranker, QueryError } from '../../../../engine/index.ts';
import { readManifest } from '../../../../engine/model/manifest.ts';
import { gatesName, layerOfGates } from '../../../../engine/network/cross-attention.ts';
import type { GraphSession } from '../../../../engine/session/runtime.ts';
import { logSoftmax } from '../../../../engine/training/losses/softmax.ts';
import { createOptimiser } from '../../../../engine/training/optimisers/create-optimiser.ts';
import { optimiserSchema } from '../../../../engine/training/optimisers/settings.ts';
import { encoderLayersTrainee } from '../../../../engine/training/trainees/encoder-layers.ts';
import { inContextTrainee } from '../../../../engine/training/trainees/in-context.ts';
import type { Trainee } from '../../../../engine/training/trainer/trainee.ts';
import { gradientOf, trainingGraph } from '../../../../engine/training/training-graph.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { openTraineeGraph, runTrainee, servedLogits } from '../../../support/checks/trainee-graphs.ts';
import { starsList as list } from '../../../support/tiny/stars-list.ts';
import { tinyGates, tinyInContextModel } from '../../../support/tiny/tiny-in-context.ts';
import { addTinyDepth, tinyModel } from '../../../support/tiny/tiny-model.ts';

let model: string;
let scratch: string;
const open: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  model = await tinyModel({ depths: { 2: { weights: 'two.safetensors' } } });
  await addTinyDepth(model);
  scratch = await mkdtemp(join(tmpdir(), 'blockrank-in-context-'));
});
afterAll(async () => {
  for (const each of open) await each.close();
  for (const folder of [model, scratch]) await rm(folder, { recursive: true });
});

const opened = async (options: Parameters<typeof inContextTrainee>[0] = {}): Promise<Trainee> => {
  const trainee = await inContextTrainee({ model, ...options });
  open.push(trainee);
  return trainee;
};

/** The logits that serving gives, in the list's order. */
async function served(folder: string): Promise<number[]> {
  const one = await openReranker({ model: folder, workers: 1, warmUp: false });
  open.push(one);
  return servedLogits(one, list);
}

async function openGraphOf(
  trainee: Trainee,
  outputs: Readonly<Record<string, Value>>,
): Promise<GraphSession> {
  const session = await openTraineeGraph(trainee, outputs);
  open.push({ close: () => session.release() });
  return session;
}

const wanted = { type: 'float32', shape: [3], data: Float32Array.of(0, 0, 1) } as const;
const runOn = (trainee: Trainee, session: GraphSession, names: readonly string[]) =>
  runTrainee(trainee, session, { list, names, more: { wanted } });

const logitsOf = async (trainee: Trainee): Promise<Float32Array> => {
  const session = await openGraphOf(trainee, { logits: trainee.logits });
  return (await runOn(trainee, session, ['logits']))('logits');
};

/** InfoNCE of the last document. */
const lossOf = ({ logits }: Trainee): Value =>
  g.sumOver(
    g.multiply(g.multiply(logSoftmax(logits), scalar(-1)), input('wanted', 'float32', ['documents'])),
    [0],
    { keeps: false },
  );

const close = { rtol: 1e-4, atol: 1e-4 };

describe('inContextTrainee', () => {
  it('starts as the model itself, with gates of 0 beside the upper half of its layers', async () => {
    const trainee = await opened();
    const names = [...trainee.tensors.keys()];
    expect(names.filter((name) => layerOfGates(name) !== undefined)).toEqual([1, 2].map(gatesName));
    expect(names.filter((name) => name.startsWith('encoder.layer.0.'))).toEqual([]);
    assertAllClose(await logitsOf(trainee), await served(model), close);
    for (const layer of [1, 2]) expect(trainee.rateFactors![gatesName(layer)]).toBe(250);
  });

  it('starts as the model with the gates that it has', async () => {
    const gated = await tinyInContextModel(tinyGates(0.5, [1]));
    const trainee = await opened({ model: gated, layers: [2] });
    expect([...trainee.tensors.keys()].filter((name) => layerOfGates(name) !== undefined)).toEqual([
      gatesName(1),
    ]);
    assertAllClose(await logitsOf(trainee), await served(gated), close);
  });

  it('computes each layer a second time for the same gradients', async () => {
    const trainee = await opened({ model: await tinyInContextModel(tinyGates(0.5)), layers: [1, 2] });
    const [loss, { parameters }] = [lossOf(trainee), trainee];
    const names = Object.keys(parameters).map(gradientOf);
    const whole = await openGraphOf(trainee, trainingGraph({ loss, parameters }));
    const again = await openGraphOf(trainee, trainingGraph({ loss, parameters, kept: trainee.kept! }));
    const [expected, found] = [await runOn(trainee, whole, names), await runOn(trainee, again, names)];
    for (const name of names) assertAllClose(found(name), expected(name), { rtol: 1e-4, atol: 1e-6 });
  });

  it('learns through its gates, and serves what it learnt', async () => {
    const trainee = await opened();
    const { parameters, tensors } = trainee;
    const graph = trainingGraph({
      loss: lossOf(trainee),
      parameters,
      kept: trainee.kept!,
      others: { logits: trainee.logits },
    });
    const session = await openGraphOf(trainee, graph);
    const optimiser = createOptimiser(optimiserSchema.parse({ kind: 'adamw' }), tensors, trainee.rateFactors);
    const losses: number[] = [];
    for (let step = 0; step < 20; step += 1) {
      const read = await runOn(trainee, session, Object.keys(graph));
      losses.push(read('loss')[0]!);
      optimiser.step(new Map(Object.keys(parameters).map((name) => [name, read(gradientOf(name))])), 2e-4);
    }
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / 2);
    const gates = [1, 2].flatMap((layer) => [...tensors.get(gatesName(layer))!.data]);
    expect(gates.every((gate) => Math.abs(gate) > 0.05)).toBe(true);
    const saved = join(scratch, 'trained');
    await trainee.save(saved, tensors);
    const logits = (await runOn(trainee, session, ['logits']))('logits');
    assertAllClose(await served(saved), logits, close);
    expect(await readManifest(saved)).toMatchObject({ profile: 'in-context', depths: {} });
    expect(existsSync(join(saved, 'two.safetensors'))).toBe(false);
    assertAllClose(await logitsOf(await opened({ model: saved })), logits, close);
  });

  it.each([
    [{ gatedLayers: [3] }, 'gatedLayers', 'expected whole numbers from 0 to 2, got 3'],
    [{ gatedLayers: [] }, 'gatedLayers', 'expected whole numbers from 0 to 2, got none'],
    [{ gateRateFactor: 0 }, 'gateRateFactor', 'expected more than 0, got 0'],
    [{ layers: [3] }, 'layers', 'expected whole numbers from 0 to 2, got 3'],
  ])('refuses %j', async (options, path, message) => {
    const refused = inContextTrainee({ model, ...options });
    await expect(refused).rejects.toThrow(ConfigurationError);
    await expect(refused).rejects.toMatchObject({ issues: [{ path, message }] });
  });

  it('refuses to leave out gates that the model has', async () => {
    const gated = await tinyInContextModel(tinyGates(0.5));
    const message = 'expected the layers that the model has gates of, 1 among them';
    await expect(inContextTrainee({ model: gated, gatedLayers: [2] })).rejects.toMatchObject({
      issues: [{ path: 'gatedLayers', message }],
    });
  });

  it('is what a model of its profile is trained with, not encoderLayersTrainee', async () => {
    const gated = await tinyInContextModel(tinyGates(0.5));
    const refused = encoderLayersTrainee({ model: gated });
    await expect(refused).rejects.toThrow(ConfigurationError);
    await expect(refused).rejects.toThrow('train it with kind in-context');
  });

  it('names the query that holds no word', async () => {
    const asked = (await opened()).feeds({ ...list, query: ' ' });
    await expect(asked).rejects.toThrow(QueryError);
  });
});
