import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DecoderReranker } from '../../../../engine/index.ts';
import { openDecoderReranker } from '../../../../engine/index.ts';
import { findCases, textsOf } from '../../../../scripts/parity/cases.ts';
import { shortlistOf } from '../../../support/tiny/shortlist.ts';
import { parityFixtures, type TinyDecoder, tinyDecoder } from '../../../support/tiny/tiny-decoder.ts';

const { models } = findCases(parityFixtures);
const tiny: readonly TinyDecoder[] = ['mistral-tiny', 'llama-tiny', 'qwen3-tiny'];
const opened: DecoderReranker[] = [];
let pairs: readonly {
  readonly name: TinyDecoder;
  readonly exact: DecoderReranker;
  readonly rough: DecoderReranker;
}[];

beforeAll(async () => {
  const trained = await Promise.all(tiny.map(async (name) => ({ name, model: await tinyDecoder(name) })));
  const scoring = { method: 'icr', layers: { from: 0, to: 4 } };
  const untrained = { name: 'llama-tiny', model: await tinyDecoder('llama-tiny', { scoring }) } as const;
  const open = async (model: string, precision: 'fp32' | 'fp16'): Promise<DecoderReranker> => {
    const reranker = await openDecoderReranker({ model, precision, warmUp: false, threads: 1 });
    opened.push(reranker);
    return reranker;
  };
  pairs = await Promise.all(
    [...trained, untrained].map(async ({ name, model }) => ({
      name,
      exact: await open(model, 'fp32'),
      rough: await open(model, 'fp16'),
    })),
  );
});
afterAll(() => Promise.all(opened.map((reranker) => reranker.close())));

describe('half precision', () => {
  it('scores every list of the parity cases within 2e-3 of float32, trained or not', async () => {
    let lists = 0;
    for (const { name, exact, rough } of pairs) {
      const { cases } = models.find(({ folder }) => folder === join(parityFixtures, name))!;
      for (const each of cases) {
        const shortlist = shortlistOf(each.input.query, ...textsOf(each));
        const [expected, actual] = await Promise.all([exact.rerank(shortlist), rough.rerank(shortlist)]);
        const scores = new Map(expected.candidates.map(({ index, score }) => [index, score]));
        for (const { index, score } of actual.candidates) {
          expect(Math.abs(score - scores.get(index)!)).toBeLessThan(2e-3);
        }
        lists += 1;
      }
    }
    expect(lists).toBe(28); // seven cases a model, and those of one model once more without training
  });
});
