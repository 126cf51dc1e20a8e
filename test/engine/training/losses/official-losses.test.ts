import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as g from '../../../../engine/graph/operations/index.ts';
import type { TensorValue } from '../../../../engine/graph/tensor.ts';
import { input, scalar, type Value } from '../../../../engine/graph/value.ts';
import { openDecoderFolder } from '../../../../engine/model/decoder-folder.ts';
import type { DecoderConfig } from '../../../../engine/network/decoder-config.ts';
import { decoderWeights } from '../../../../engine/network/decoder-weights.ts';
import { packedTrainingLogits } from '../../../../engine/network/packed/packed-decoder.ts';
import { toPackedFeeds } from '../../../../engine/network/packed/packed-feeds.ts';
import type { PackedForm } from '../../../../engine/network/packed/packed-form.ts';
import { packedLayout, sizeOf } from '../../../../engine/network/packed/packed-layout.ts';
import {
  auxiliaryLoss,
  documentMasses,
  lossInputs,
  nextTokenLoss,
  toLossFeeds,
} from '../../../../engine/training/losses/blockrank-losses.ts';
import { gradientOf, trainingBytes, trainingGraph } from '../../../../engine/training/training-graph.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { openGraph } from '../../../support/checks/gradient-check.ts';
import { fedTo } from '../../../support/checks/trainee-graphs.ts';
import { naiveLosses, naiveWeights } from '../../../support/oracles/naive-decoder.ts';
import { parityFixtures, type TinyDecoder } from '../../../support/tiny/tiny-decoder.ts';

interface OfficialGradient {
  readonly norm: number;
  readonly first: readonly number[];
}
interface TrainingCase {
  readonly blocks: readonly { readonly ids: readonly number[] }[];
  readonly answers: readonly number[];
  readonly completion: { readonly start: number; readonly ids: readonly number[] };
  readonly signal: { readonly positions: readonly number[] };
  readonly scoring_layer: number;
  readonly query_offset: number;
  readonly tau: number;
  readonly lambda: number;
  readonly expected: {
    readonly auxiliary_loss: number;
    readonly ntp_loss: number;
    readonly total_loss: number;
    readonly gradients: Readonly<Record<Kind, Readonly<Record<string, OfficialGradient | null>>>>;
  };
}
type Kind = 'ntp' | 'auxiliary' | 'total';

const form: PackedForm = { context: 'blocks', attention: 'products', buckets: 2, queries: 1 };

/** The official case on one of the tiny models: losses as values, weights as inputs, and what they are fed. */
async function officialCase(model: TinyDecoder) {
  const path = join(parityFixtures, model);
  const text = readFileSync(join(path, 'cases', 'training.json'), 'utf8');
  const official = JSON.parse(text) as TrainingCase;
  const { config } = await openDecoderFolder(path);
  const weights = await naiveWeights(path);
  const blocks = official.blocks.map(({ ids }) => Int32Array.from(ids));
  return {
    official,
    config,
    weights,
    blocks,
    ...lossesOf(config, official),
    feeds: feedsOf(config, official, blocks),
  };
}

function lossesOf(config: DecoderConfig, { scoring_layer, tau, lambda }: TrainingCase) {
  const parameters: Record<string, Value> = {};
  const network = {
    config,
    parameters: (name: string, shape: readonly number[]): Value => {
      parameters[name] ??= input(name, 'float32', shape);
      return parameters[name];
    },
  };
  const { logits, tokenLogits, between } = packedTrainingLogits(network, {
    scoringLayer: scoring_layer,
    form,
  });
  const inputs = lossInputs();
  const auxiliary = auxiliaryLoss(documentMasses(logits, inputs), inputs, tau);
  const ntp = nextTokenLoss(tokenLogits, inputs);
  const total = g.add(ntp, g.multiply(auxiliary, scalar(lambda)));
  return { losses: { auxiliary, ntp, total }, parameters, between };
}

function feedsOf(config: DecoderConfig, official: TrainingCase, blocks: readonly Int32Array[]) {
  const list = {
    instruction: blocks[0]!,
    documents: blocks.slice(1, -1),
    queries: [blocks.at(-1)!],
    queryPosition: official.query_offset,
  };
  const layout = packedLayout(sizeOf(list), form);
  const { start, ids } = official.completion;
  const run = {
    form,
    layout,
    signals: official.signal.positions,
    completion: ids.map((_, c) => start + c - 1),
  };
  return {
    ...toPackedFeeds(list, run, config),
    ...toLossFeeds({
      documentTokens: layout.order.map((d) => list.documents[d]!.length),
      positives: official.answers.map((d) => layout.order.indexOf(d)),
      completion: ids,
      vocabulary: config.vocabulary,
    }),
  };
}

async function runGraph(
  graph: Readonly<Record<string, Value>>,
  feeds: Readonly<Record<string, TensorValue>>,
): Promise<Record<string, Float32Array>> {
  const session = await openGraph(graph);
  const answer = await session.run(fedTo(session, feeds), Object.keys(graph));
  await session.release();
  return Object.fromEntries(Object.entries(answer).map(([name, { data }]) => [name, data as Float32Array]));
}

function weightFeeds(config: DecoderConfig, weights: ReadonlyMap<string, ArrayLike<number>>) {
  return Object.fromEntries(
    [...decoderWeights(config)].map(([name, shape]) => {
      const data = Float32Array.from(weights.get(name)!);
      return [name, { type: 'float32', shape, data } as const];
    }),
  );
}

const norm = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
const models: readonly TinyDecoder[] = ['mistral-tiny', 'llama-tiny', 'qwen3-tiny'];
const kinds: readonly Kind[] = ['ntp', 'auxiliary', 'total'];

describe.each(models)('losses of the official code on %s', (model) => {
  it.each(kinds)('are what the graph gives, and so are the gradients of %s', async (kind) => {
    const { official, config, weights, losses, parameters, feeds } = await officialCase(model);
    const { gradients, auxiliary_loss, ntp_loss, total_loss } = official.expected;
    const reached = Object.keys(parameters).filter((name) => gradients[kind][name]);
    const { auxiliary, ntp, total } = losses;
    const graph = trainingGraph({
      loss: losses[kind],
      others: { auxiliary, ntp, total },
      parameters: Object.fromEntries(reached.map((name) => [name, parameters[name]!])),
    });
    const answer = await runGraph(graph, { ...feeds, ...weightFeeds(config, weights) });
    // Tolerances are the fixture's: it was computed in float32 too.
    assertAllClose(
      ['auxiliary', 'ntp', 'total'].map((name) => answer[name]![0]!),
      [auxiliary_loss, ntp_loss, total_loss],
      { atol: 1e-3 },
    );
    for (const name of reached) {
      const expected = gradients[kind][name]!;
      const gradient = answer[gradientOf(name)]!;
      assertAllClose([norm(gradient)], [expected.norm], { rtol: 1e-3 });
      assertAllClose(gradient.slice(0, 4), expected.first, { rtol: 1e-3, atol: 2e-4 * expected.norm });
    }
    // No gradient reaches the others, and asking for one says so.
    const unreached = Object.keys(parameters).filter((name) => !gradients[kind][name]);
    expect(unreached.length > 0).toBe(kind === 'auxiliary');
    for (const name of unreached) {
      expect(() => trainingGraph({ loss: losses[kind], parameters: { [name]: parameters[name]! } })).toThrow(
        `expected a loss that depends on "${name}"`,
      );
    }
  });

  it('fall by one step of gradient descent to what the mask oracle says', async () => {
    const { official, config, weights, blocks, losses, parameters, feeds } = await officialCase(model);
    const { auxiliary, ntp, total } = losses;
    const others = { auxiliary, ntp };
    const step = trainingGraph({ loss: total, others, parameters });
    const answer = await runGraph(step, { ...feeds, ...weightFeeds(config, weights) });
    const square = Object.keys(parameters).reduce(
      (sum, name) => sum + norm(answer[gradientOf(name)]!) ** 2,
      0,
    );
    /** Weights in float64, a step along the gradient that lowers the loss by about `fall`. */
    const moved = (fall: number): ReadonlyMap<string, Float64Array> =>
      new Map(
        Object.keys(parameters).map((name) => {
          const gradient = answer[gradientOf(name)]!;
          return [name, Float64Array.from(weights.get(name)!, (w, i) => w - (fall / square) * gradient[i]!)];
        }),
      );
    const oracle = (
      at: ReadonlyMap<string, ArrayLike<number>>,
    ): { auxiliary: number; ntp: number; total: number } => {
      const naive = naiveLosses({
        config,
        weights: at,
        blocks,
        queryPosition: official.query_offset,
        layer: official.scoring_layer,
        signals: official.signal.positions,
        completion: official.completion,
        answers: official.answers,
        tau: official.tau,
      });
      return { ...naive, total: naive.ntp + official.lambda * naive.auxiliary };
    };
    const [down, up] = [oracle(moved(0.01)), oracle(moved(-0.01))];
    // Central differences in float64: the gradient's own square, up to third derivatives and float32's gradients.
    expect((up.total - down.total) / 0.02).toBeCloseTo(1, 2);
    const after = await runGraph(
      { auxiliary, ntp, total },
      { ...feeds, ...weightFeeds(config, moved(0.01)) },
    );
    assertAllClose(
      [after['auxiliary']![0]!, after['ntp']![0]!, after['total']![0]!],
      [down.auxiliary, down.ntp, down.total],
      { atol: 1e-3 },
    );
    expect(after['total']![0]!).toBeLessThan(answer['loss']![0]!);
  });
});

describe('trainingGraph', () => {
  it('gives the same gradients layer by layer, and holds less: the count says so before it runs', async () => {
    const { config, weights, losses, parameters, between, feeds } = await officialCase('llama-tiny');
    const step = { loss: losses.total, parameters };
    const all = await runGraph(trainingGraph(step), { ...feeds, ...weightFeeds(config, weights) });
    const again = await runGraph(trainingGraph({ ...step, kept: between }), {
      ...feeds,
      ...weightFeeds(config, weights),
    });
    for (const [name, gradient] of Object.entries(all)) {
      const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      // Sums over threads and fused products may come in another order.
      assertAllClose(again[name]!, gradient, { rtol: 1e-4, atol: 1e-5 * largest });
    }
    const lengths = lengthsOf(feeds);
    const [plain, kept] = [trainingBytes(step, lengths), trainingBytes({ ...step, kept: between }, lengths)];
    expect(kept.parameters).toBe(plain.parameters);
    expect(kept.parameters).toBe(4 * [...weights.values()].reduce((sum, { length }) => sum + length, 0));
    expect(kept.results).toBeLessThan(0.7 * plain.results);
  });
});

/** Lengths of the axes of a packed graph, from what it is fed. */
function lengthsOf(feeds: Readonly<Record<string, TensorValue>>): Record<string, number> {
  const lengths: Record<string, number> = {
    T: feeds['ids']!.shape[0]!,
    R: feeds['cos']!.shape[0]!,
    S: feeds['signals']!.shape[0]!,
    C: feeds['completion']!.shape[0]!,
    M: feeds['membership']!.shape[0]!,
    documents: feeds['membership']!.shape[1]!,
    I: feeds['instruction.columns']!.shape[1]!,
  };
  lengths['P'] = lengths['I']! + lengths['M']!;
  for (const name of ['bucket_0', 'bucket_1']) {
    const [n, l] = feeds[`${name}.index`]!.shape;
    Object.assign(lengths, { [`${name}.N`]: n, [`${name}.L`]: l });
  }
  lengths['query_0.L'] = feeds['query_0.columns']!.shape[1]!;
  lengths['rows'] =
    lengths['I']! +
    lengths['query_0.L'] +
    [0, 1].reduce((sum, b) => sum + feeds[`bucket_${b}.index`]!.data.length, 0);
  return lengths;
}
