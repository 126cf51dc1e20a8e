import { describe, expect, it } from 'vitest';
import type { Value } from '../../../engine/graph/value.ts';
import { constant } from '../../../engine/graph/value.ts';
import type { BlockState } from '../../../engine/index.ts';
import {
  readoutInputs,
  type TokenForm,
  toReadoutFeeds,
} from '../../../engine/network/readout/readout-feeds.ts';
import { readoutLogits, scalarNames, trainedInputs } from '../../../engine/network/readout/readout-graph.ts';
import { type HeadSizes, headShapes, toHeads } from '../../../engine/readout/heads.ts';
import type { QueryState, ReadoutParameters } from '../../../engine/readout/parameters.ts';
import { readOut } from '../../../engine/readout/readout.ts';
import { poolMasses, tokenLogMasses } from '../../../engine/readout/token-head.ts';
import { assertAllClose } from '../../support/checks/all-close.ts';
import { checkedGradients, openGraph } from '../../support/checks/gradient-check.ts';
import { tinyHeadSizes, tinyHeadTensors } from '../../support/tiny/tiny-heads.ts';
import { randomNumbers, tinyQuery, tinyReadout, tinyState } from '../../support/tiny/tiny-states.ts';

const width = 12;
const none: HeadSizes = { width, readingRank: 0, anchorRank: 0, tokenRank: 0, listWidth: 0 };
const blocksOf = [[4], [3, 5], [2], [6, 2, 4], [1]];

function listOf(seed: number): { query: QueryState; states: BlockState[] } {
  const next = randomNumbers(seed);
  const query = tinyQuery(3, width, next);
  return { query, states: blocksOf.map((blocks) => tinyState(blocks, width, next)) };
}

interface Graph {
  readonly readout: ReadoutParameters;
  readonly sizes?: HeadSizes;
  readonly form?: TokenForm;
}

async function graphLogits(
  { query, states }: { readonly query: QueryState; readonly states: readonly BlockState[] },
  { readout, sizes = none, form = 'float32' }: Graph,
): Promise<number[]> {
  const trained = trainedInputs(sizes, []);
  const session = await openGraph({ logits: readoutLogits(readoutInputs(width, form), readout, trained) });
  const D = states.reduce((sum, { blockTokens }) => sum + blockTokens.length, 0);
  const pooled = poolMasses(tokenLogMasses(query, states, readout.tokenTau), D, readout.pooling);
  const tensors = [...tinyHeadTensors(sizes)].map(
    ([name, { shape, data }]) => [name, { type: 'float32', shape, data }] as const,
  );
  const feeds = {
    ...toReadoutFeeds({ query, documents: states, pooled }, form),
    ...Object.fromEntries(tensors),
  };
  const { logits } = await session.run(feeds, ['logits']);
  await session.release();
  return Array.from(logits!.data as Float32Array);
}

describe('readoutLogits', () => {
  it.each([
    ['as tuned', {}],
    ['with masses added up by document', { blockJoin: 'sum' }],
    ['with the largest mass of a document', { blockJoin: 'max' }],
    ['with the mean of logarithms', { pooling: 'geometric' }],
    ['reading twice', { readingSteps: 2 }],
    ['without reading', { alpha: 0 }],
    ['without a token head', { tokenWeight: 0 }],
    ['with sharp temperatures', { readingTau: 0.01, tokenTau: 0.02 }],
  ] satisfies [string, Partial<ReadoutParameters>][])('is the readout %s', async (_, changes) => {
    const readout = { ...tinyReadout, ...changes };
    const list = listOf(3);
    const form = readout.tokenWeight === 0 ? 'none' : 'float32';
    const expected = readOut(list.query, list.states, readout).logits;
    assertAllClose(await graphLogits(list, { readout, form }), expected, { rtol: 1e-5, atol: 1e-5 });
  });

  it('is the readout with trained parts', async () => {
    const list = listOf(4);
    const sizes = tinyHeadSizes(width);
    const heads = toHeads(sizes, tinyHeadTensors(sizes));
    const expected = readOut(list.query, list.states, tinyReadout, { heads }).logits;
    const plain = readOut(list.query, list.states, tinyReadout).logits;
    // Without this, parts that do nothing would pass.
    expect(Math.max(...expected.map((logit, i) => Math.abs(logit - plain[i]!)))).toBeGreaterThan(1);
    assertAllClose(await graphLogits(list, { readout: tinyReadout, sizes }), expected, {
      rtol: 1e-5,
      atol: 2e-5,
    });
  });

  it('lets a near duplicate vote once, as the readout does', async () => {
    const { query, states } = listOf(5);
    const [first] = states;
    const shifted = { ...first!, anchors: first!.anchors.map((value, k) => value + (k === 0 ? 0.01 : 0)) };
    const list = { query, states: [...states, first!, shifted] };
    const expected = readOut(query, list.states, tinyReadout).logits;
    assertAllClose(await graphLogits(list, { readout: tinyReadout }), expected, { rtol: 1e-5, atol: 1e-5 });
  });

  it('reads pooled masses in place of tokens while the token head is not trained', async () => {
    const list = listOf(6);
    const expected = readOut(list.query, list.states, tinyReadout).logits;
    const logits = await graphLogits(list, { readout: tinyReadout, form: 'pooled' });
    assertAllClose(logits, expected, { rtol: 1e-5, atol: 1e-5 });
  });

  it('has the gradients of its differences, by every part and number', async () => {
    const { query, states } = listOf(7);
    const sizes = tinyHeadSizes(width);
    const rows = (data: Float32Array): Value => constant(data, [data.length / width, width]);
    const feeds = toReadoutFeeds({ query, documents: states }, 'float32');
    const ids = (name: string): Value => constant(feeds[name]!.data as BigInt64Array, feeds[name]!.shape);
    const fixed = {
      queryAnchor: rows(query.anchor),
      anchors: rows(feeds['anchors']!.data as Float32Array),
      documentBlocks: ids('documentBlocks'),
      tokens: {
        queryTokens: rows(query.tokens),
        vectors: rows(feeds['vectors']!.data as Float32Array),
        blocks: ids('blocks'),
      },
    };
    // Soft temperatures: a difference of 1/128 must see a smooth function.
    const soft = { ...tinyReadout, readingTau: 0.5, anchorTau: 0.5, tokenTau: 0.5 };
    const shapes = [...headShapes(sizes)];
    const { computed, differences } = await checkedGradients({
      inputs: [
        ...scalarNames.map(() => ({ lengths: [], between: [-0.2, 0.2] as const })),
        ...shapes.map(([, lengths]) => ({ lengths, between: [-0.4, 0.4] as const })),
      ],
      make: (inputs) =>
        readoutLogits(fixed, soft, {
          sizes,
          scalars: Object.fromEntries(scalarNames.map((name, i) => [name, inputs[i]!])),
          tensors: Object.fromEntries(shapes.map(([name], i) => [name, inputs[scalarNames.length + i]!])),
        }),
    });
    for (const [i, gradient] of computed.entries()) {
      assertAllClose(gradient, differences[i]!, { rtol: 0.02, atol: 0.01 });
    }
  });
});
