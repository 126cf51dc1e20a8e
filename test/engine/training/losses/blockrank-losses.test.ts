import { describe, expect, it } from 'vitest';
import { input, type Value } from '../../../../engine/graph/value.ts';
import { parseDecoderConfig } from '../../../../engine/network/decoder-config.ts';
import { packedTrainingLogits } from '../../../../engine/network/packed/packed-decoder.ts';
import {
  auxiliaryLoss as plainAuxiliary,
  nextTokenLoss as plainNextToken,
} from '../../../../engine/readout/losses.ts';
import {
  auxiliaryLoss,
  documentMasses,
  lossInputs,
  nextTokenLoss,
  toLossFeeds,
} from '../../../../engine/training/losses/blockrank-losses.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { openGraph, spread } from '../../../support/checks/gradient-check.ts';

const list = { documentTokens: [2, 1, 3], positives: [0, 2], completion: [4, 0], vocabulary: 5 };
const inputs = lossInputs();

async function evaluate(
  value: Value,
  name: string,
  shape: readonly number[],
  data: Float32Array,
): Promise<number[]> {
  const session = await openGraph({ y: value });
  const all = { ...toLossFeeds(list), [name]: { type: 'float32', shape, data } as const };
  const feeds = Object.fromEntries(Object.entries(all).filter(([each]) => session.inputs.has(each)));
  const { y } = await session.run(feeds, ['y']);
  await session.release();
  return Array.from(y!.data as Float32Array);
}

describe('losses of a graph', () => {
  it('are those that the readout computes of the same numbers', async () => {
    const masses = Float32Array.of(0.2, 0.5, 0.3);
    const auxiliary = auxiliaryLoss(input('masses', 'float32', ['documents']), inputs, 0.05);
    assertAllClose(
      await evaluate(auxiliary, 'masses', [3], masses),
      [plainAuxiliary(Float64Array.from(masses), list.positives, 0.05)],
      { rtol: 1e-5 },
    );
    const logits = spread(10, [-200, 200]);
    const next = nextTokenLoss(input('logits', 'float32', ['C', 5]), inputs);
    assertAllClose(
      await evaluate(next, 'logits', [2, 5], logits),
      [plainNextToken(logits, list.completion)],
      { rtol: 1e-5 },
    );
  });

  it('give a document the mean over heads and signal tokens of the attention to its tokens', async () => {
    const logits = spread(2 * 3 * 6, [-2, 2]);
    const masses = documentMasses(input('logits', 'float32', [2, 3, 'M']), inputs);
    const expected = [0, 0, 0];
    for (let row = 0; row < 6; row += 1) {
      const own = Array.from(logits.subarray(row * 6, row * 6 + 6), Math.exp);
      const total = own.reduce((sum, value) => sum + value, 0);
      [0, 0, 1, 2, 2, 2].forEach((document, j) => {
        expected[document]! += own[j]! / total / 6;
      });
    }
    assertAllClose(await evaluate(masses, 'logits', [2, 3, 6], logits), expected, { rtol: 1e-5 });
  });

  it.each([
    [
      'without a relevant document',
      { positives: [] },
      'toLossFeeds: expected relevant documents of 3, got [].',
    ],
    [
      'with one that there is not',
      { positives: [1, 3] },
      'toLossFeeds: expected relevant documents of 3, got [1, 3].',
    ],
    ['with nothing to complete', { completion: [] }, 'toLossFeeds: expected a completion, got none.'],
  ])('refuse a list %s', (_name, change, message) => {
    expect(() => toLossFeeds({ ...list, ...change })).toThrow(new RangeError(message));
  });
});

describe('packedTrainingLogits', () => {
  it('refuses a scoring layer that the network lacks', () => {
    const config = parseDecoderConfig(
      {
        model_type: 'llama',
        hidden_size: 8,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 8,
        vocab_size: 9,
        max_position_embeddings: 99,
        rms_norm_eps: 1e-6,
        hidden_act: 'silu',
      },
      'config.json',
    );
    const parameters = (name: string, shape: readonly number[]): Value => input(name, 'float32', shape);
    const form = { context: 'blocks', attention: 'products', buckets: 1, queries: 1 } as const;
    expect(() => packedTrainingLogits({ config, parameters }, { scoringLayer: 2, form })).toThrow(
      new RangeError('packedTrainingLogits: expected a layer below 2, got 2.'),
    );
  });
});
