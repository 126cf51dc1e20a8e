import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type EncodedShortlist,
  type EncoderReranker,
  openEncoderReranker,
} from '../../../../engine/index.ts';
import { softmax } from '../../../../engine/readout/softmax.ts';
import {
  type EncoderLayersOptions,
  encoderLayersTrainee,
} from '../../../../engine/training/trainees/encoder-layers.ts';
import type { FullDepthLoss } from '../../../../engine/training/trainees/full-depth-losses.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import {
  openTraineeGraph,
  runTrainee,
  servedLogits,
  toShortlist,
} from '../../../support/checks/trainee-graphs.ts';
import { starsList as list } from '../../../support/tiny/stars-list.ts';
import { addTinyDepth, tinyModel } from '../../../support/tiny/tiny-model.ts';

/** Model folders by who reads the queries of depth 2. */
const models: Record<'depth' | 'full depth', string> = { depth: '', 'full depth': '' };

beforeAll(async () => {
  models.depth = await tinyModel({ depths: { 2: { weights: 'two.safetensors' } } });
  models['full depth'] = await tinyModel({
    depths: { 2: { weights: 'two.safetensors', queries: 'full-depth' } },
  });
  for (const model of Object.values(models)) await addTinyDepth(model);
});
afterAll(async () => {
  for (const model of Object.values(models)) await rm(model, { recursive: true });
});

/** Losses of the list by their names. */
async function lossesOf(options: EncoderLayersOptions): Promise<Record<FullDepthLoss, number>> {
  const trainee = await encoderLayersTrainee(options);
  const session = await openTraineeGraph(trainee, trainee.ownLosses!);
  const names = Object.keys(trainee.ownLosses!);
  const read = await runTrainee(trainee, session, { list, names });
  await session.release();
  await trainee.close();
  return Object.fromEntries(names.map((name) => [name, read(name)[0]!])) as Record<FullDepthLoss, number>;
}

async function withReranker<Result>(
  options: Parameters<typeof openEncoderReranker>[0],
  read: (reranker: EncoderReranker) => Promise<Result>,
): Promise<Result> {
  const reranker = await openEncoderReranker({ workers: 1, warmUp: false, ...options });
  try {
    return await read(reranker);
  } finally {
    await reranker.close();
  }
}

const encoded = (options: Parameters<typeof openEncoderReranker>[0]): Promise<EncodedShortlist> =>
  withReranker(options, (reranker) => reranker.encode(toShortlist(list)));

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

/** Rows of one matrix. */
function rowsOf(values: Float32Array, width: number): number[][] {
  const rows = Array.from({ length: values.length / width }, (_, r) =>
    values.subarray(r * width, (r + 1) * width),
  );
  return rows.map((row) => Array.from(row));
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, k) => sum + value * b[k]!, 0);

const readersOf = [
  ['depth', true],
  ['full depth', false],
] as const;

describe('fullDepthLosses', () => {
  it.each(
    readersOf.flatMap(([reader, counts]) =>
      (['fp32', 'int8'] as const).map((precision) => [reader, precision, counts] as const),
    ),
  )(
    'say how far tokens and anchors point from the full depth: queries by the %s, %s',
    async (reader, precision, countsQuery) => {
      const model = models[reader];
      const losses = await lossesOf({ model, depth: 2, fullDepthPrecision: precision });
      const [whole, half] = await Promise.all([encoded({ model, precision }), encoded({ model, depth: 2 })]);
      const { width } = whole.query;
      const tokens = ({ query, states }: EncodedShortlist): number[][] =>
        [...states.map((each) => each.tokens!), ...(countsQuery ? [query.tokens] : [])].flatMap((part) =>
          rowsOf(part, width),
        );
      const anchors = ({ query, states }: EncodedShortlist): number[][] =>
        [...states.map((each) => each.anchors), ...(countsQuery ? [query.anchor] : [])].flatMap((part) =>
          rowsOf(part, width),
        );
      const distance = (rows: number[][], others: number[][]): number =>
        mean(rows.map((row, r) => 1 - dot(row, others[r]!)));
      const close = { rtol: 1e-5, atol: 1e-6 };
      assertAllClose([losses.tokenCosine], [distance(tokens(half), tokens(whole))], close);
      assertAllClose([losses.anchorCosine], [distance(anchors(half), anchors(whole))], close);
    },
  );

  it.each(readersOf)('say what near queries see of it: queries by the %s', async (reader) => {
    const model = models[reader];
    const losses = await lossesOf({ model, depth: 2 });
    const [whole, half] = await Promise.all([encoded({ model }), encoded({ model, depth: 2 })]);
    const { width, anchor, tokens } = whole.query;
    const { anchorTau, tokenTau } = await withReranker({ model }, async ({ readout }) => readout);
    const anchorsOf = ({ states }: EncodedShortlist): number[][] =>
      states.flatMap(({ anchors }) => rowsOf(anchors, width));
    const references = [...anchorsOf(whole), Array.from(anchor)];
    const anchorErrors = anchorsOf(half).flatMap((row, d) =>
      references.map((r) => ((dot(row, r) - dot(anchorsOf(whole)[d]!, r)) / anchorTau) ** 2),
    );
    const blocksOf = ({ states }: EncodedShortlist): number[][][] =>
      states.flatMap((state) => {
        const rows = rowsOf(state.tokens!, width);
        return state.blockTokens.map((length) => rows.splice(0, length));
      });
    const logMasses = (read: EncodedShortlist): number[] =>
      rowsOf(tokens, width).flatMap((word) => {
        const sums = blocksOf(read).map((rows) =>
          rows.map((row) => Math.exp(dot(row, word) / tokenTau)).reduce((sum, x) => sum + x, 0),
        );
        const total = sums.reduce((sum, x) => sum + x, 0);
        return sums.map((sum) => Math.log(sum / total));
      });
    const massErrors = logMasses(half).map((mass, i) => (mass - logMasses(whole)[i]!) ** 2);
    const close = { rtol: 1e-3, atol: 1e-6 };
    assertAllClose([losses.anchorLogitError], [mean(anchorErrors)], close);
    assertAllClose([losses.tokenMassError], [mean(massErrors)], close);
    expect(mean(anchorErrors)).toBeGreaterThan(0.01);
    expect(mean(massErrors)).toBeGreaterThan(0.001);
  });

  it.each(readersOf)('have the divergence of masses that are served: queries by the %s', async (reader) => {
    const model = models[reader];
    const losses = await lossesOf({ model, depth: 2 });
    const served = (depth: object): Promise<number[]> =>
      withReranker({ model, ...depth }, (reranker) => servedLogits(reranker, list));
    const wanted = softmax(Float64Array.from(await served({})));
    const given = softmax(Float64Array.from(await served({ depth: 2 })));
    const expected = wanted.reduce((sum, p, i) => sum + p * Math.log(p / given[i]!), 0);
    assertAllClose([losses.listDivergence], [expected], { rtol: 1e-3, atol: 1e-5 });
  });

  it('are 0 where the states are those of the full depth', async () => {
    const losses = await lossesOf({ model: models.depth, followsFullDepth: true });
    assertAllClose(Object.values(losses), [0, 0, 0, 0, 0], { rtol: 0, atol: 1e-5 });
  });
});
