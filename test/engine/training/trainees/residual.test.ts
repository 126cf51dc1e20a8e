import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as g from '../../../../engine/graph/operations/index.ts';
import { scalar } from '../../../../engine/graph/value.ts';
import { ConfigurationError, openEncoderReranker, type RerankerOptions } from '../../../../engine/index.ts';
import { quantiseWeights } from '../../../../engine/model/quantise-folder.ts';
import { residualKinds, residualParameterCount } from '../../../../engine/network/residuals.ts';
import { logSoftmax } from '../../../../engine/training/losses/softmax.ts';
import { createOptimiser } from '../../../../engine/training/optimisers/create-optimiser.ts';
import { optimiserSchema } from '../../../../engine/training/optimisers/settings.ts';
import { foldResidual } from '../../../../engine/training/trainees/residual/fold-residual.ts';
import {
  type ResidualTrainee,
  residualTrainee,
} from '../../../../engine/training/trainees/residual/residual-trainee.ts';
import type { TrainingList } from '../../../../engine/training/trainer/training-list.ts';
import { gradientOf, trainingGraph } from '../../../../engine/training/training-graph.ts';
import { readTensorTable } from '../../../../engine/weights/safetensors.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { openTraineeGraph, runTrainee, servedLogits } from '../../../support/checks/trainee-graphs.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';
import { tinyResidual } from '../../../support/tiny/tiny-residual.ts';

const list: TrainingList = {
  set: 'tiny',
  queryId: 'q',
  query: 'who studies the stars',
  documents: ['a stew of beans and pork', 'the astronomer studies the planets of other suns', 'stars'].map(
    (text, i) => ({ docId: `d${i}`, text, gain: i }),
  ),
};

let model: string;
let scratch: string;
beforeAll(async () => {
  model = await tinyModel();
  scratch = await mkdtemp(join(tmpdir(), 'blockrank-residual-'));
});
afterAll(async () => {
  for (const folder of [model, scratch]) await rm(folder, { recursive: true });
});

/** The logits that serving gives, in the list's order. */
async function served(options: RerankerOptions): Promise<number[]> {
  const reranker = await openEncoderReranker({ model, workers: 1, warmUp: false, ...options });
  const logits = await servedLogits(reranker, list);
  await reranker.close();
  return logits;
}

/** Trains on the one list; the last logits and all losses. */
async function train(
  trainee: ResidualTrainee,
  steps: number,
): Promise<{ losses: number[]; logits: Float32Array }> {
  const { parameters, tensors, logits } = trainee;
  // The first document is to win: -log of its mass.
  const first = g.slice(logSoftmax(logits), { axis: 0, start: 0, end: 1 });
  const loss = g.multiply(g.sumOver(first, [0], { keeps: false }), scalar(-1));
  const graph = trainingGraph({ loss, parameters, kept: trainee.kept!, others: { logits } });
  const session = await openTraineeGraph(trainee, graph);
  const optimiser = createOptimiser(optimiserSchema.parse({ kind: 'adamw' }), tensors);
  const losses: number[] = [];
  let last = new Float32Array();
  for (let step = 0; step <= steps; step += 1) {
    const numbers = await runTrainee(trainee, session, { list, names: Object.keys(graph) });
    losses.push(numbers('loss')[0]!);
    last = numbers('logits').slice();
    if (step === steps) break;
    const gradients = Object.keys(parameters).map((name) => [name, numbers(gradientOf(name))] as const);
    optimiser.step(new Map(gradients), 1e-2);
  }
  await session.release();
  return { losses, logits: last };
}

describe('residualTrainee', () => {
  it.each(residualKinds)('starts at the base, learns, and serves what it learnt: kind %s', async (kind) => {
    const trainee = await residualTrainee({ model, kind, rank: 2, window: 2 });
    const numbers = [...trainee.tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
    expect(numbers).toBe(residualParameterCount(trainee.form, { layers: 3, width: 48 }));
    const start = await train(trainee, 0);
    assertAllClose(start.logits, await served({}), { rtol: 1e-4, atol: 1e-4 });
    const { losses, logits } = await train(trainee, 12);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
    const folder = join(scratch, kind);
    await trainee.save(folder, trainee.tensors);
    const residual = join(folder, 'residuals/trained.safetensors');
    // The folder as it is, and its residual over the model that training started from.
    for (const options of [{ model: folder }, { residual }]) {
      assertAllClose(await served(options), logits, { rtol: 1e-4, atol: 1e-4 });
    }
    await trainee.close();
  });

  it('refuses kinds and sizes that are none, all at once', async () => {
    const refused = residualTrainee({ model, kind: 'lora' as 'lr', rank: 0, window: 1.5 });
    await expect(refused).rejects.toThrow(ConfigurationError);
    await expect(refused).rejects.toMatchObject({
      issues: [{ path: 'kind' }, { path: 'rank' }, { path: 'window' }],
    });
  });
});

describe('foldResidual', () => {
  it.each(['rw', 'rw+lr', 'rw+lr+pa'] as const)(
    'gives a model that ranks as before: kind %s',
    async (kind) => {
      const residual = await tinyResidual(model, {
        form: { kind, rank: 4, window: 3 },
        name: `fold-${kind}`,
      });
      const unfolded = await served({ residual });
      const folded = await foldResidual({
        model,
        residual: `fold-${kind}`,
        folder: join(scratch, `folded-${kind}`),
      });
      expect(folded.residual === undefined).toBe(kind === 'rw');
      const options = { model: folded.folder, ...(folded.residual && { residual: folded.residual }) };
      assertAllClose(await served(options), unfolded, { atol: 1e-5 });
      expect(unfolded).not.toEqual(await served({}));
    },
  );

  it('keeps 8-bit integers as they are and scales their scales', async () => {
    const small = await tinyModel();
    await quantiseWeights(join(model, 'model.safetensors'), join(small, 'model.safetensors'));
    const residual = await tinyResidual(small, { form: { kind: 'rw', rank: 1, window: 1 } });
    const { folder } = await foldResidual({ model: small, residual, folder: join(scratch, 'integers') });
    const types = async (of: string): Promise<unknown[]> =>
      [...(await readTensorTable(join(of, 'model.safetensors')))].map(([name, { type }]) => [name, type]);
    expect(await types(folder)).toEqual(await types(small));
    assertAllClose(await served({ model: folder }), await served({ model: small, residual }), { atol: 1e-5 });
    await rm(small, { recursive: true });
  });

  it('refuses a residual without rw, which cannot be folded', async () => {
    const residual = await tinyResidual(model, { form: { kind: 'lr', rank: 2, window: 1 }, name: 'lr' });
    const refused = foldResidual({ model, residual, folder: join(scratch, 'none') });
    await expect(refused).rejects.toThrow(ConfigurationError);
    await expect(refused).rejects.toThrow('got one of kind lr');
  });
});
