import { describe, expect, it } from 'vitest';
import { openReranker, type Ranking } from '../../../engine/index.ts';
import { breadTexts, shortlistOf } from '../../support/tiny/shortlist.ts';
import { tinyDecoder } from '../../support/tiny/tiny-decoder.ts';
import { tinyGates, tinyInContextModel } from '../../support/tiny/tiny-in-context.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';

const list = shortlistOf('how to bake bread', ...breadTexts);
const asked = (instruction: string): typeof list => ({ ...list, query: { ...list.query, instruction } });
const ranked = ({ candidates }: Ranking): object[] =>
  candidates.map(({ index, logit }) => ({ index, logit }));

const families = {
  'an encoder': () => tinyModel(),
  'an encoder of the in-context profile': () => tinyInContextModel(tinyGates(0.5)),
  'a decoder': () => tinyDecoder(),
  'a decoder without training': () => tinyDecoder('llama-tiny', false),
};

describe.each(Object.entries(families))('%s', (family, model) => {
  it("reads a request's instruction, and forgets it with the request", async () => {
    const reranker = await openReranker({ model: await model(), warmUp: false, workers: 1 });
    expect(reranker.info.takesInstructions).toBe(true);
    const plain = ranked(await reranker.rerank(list));
    const instructed = ranked(await reranker.rerank(asked('Find what is about the sky.')));
    expect(instructed).not.toEqual(plain);
    expect(ranked(await reranker.rerank(asked('Find ovens.')))).not.toEqual(instructed);
    expect(ranked(await reranker.rerank(list))).toEqual(plain);
    // The tiny model's own instruction, said by the request, is no other question.
    if (family !== 'a decoder' && family !== 'a decoder without training') {
      expect(ranked(await reranker.rerank(asked('find: ')))).toEqual(plain);
    }
    await reranker.close();
  });
});
