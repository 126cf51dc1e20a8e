import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openReranker, type Ranking, type Reranker, type Shortlist } from '../../../engine/index.ts';
import { assertAllClose } from '../../support/all-close.ts';

let reranker: Reranker;
beforeAll(async () => {
  // Nothing is remembered, so that every request encodes its documents again, in whatever batch they meet.
  reranker = await openReranker({ workers: 2, stateCacheBytes: 0 });
});
afterAll(() => reranker.close());

const sentences = [
  'The astronomer studies the stars and the planets through a large telescope on the mountain.',
  'A stew of beans.',
  'Pruning roses in early spring keeps them healthy, and a cut above the third bud makes them branch.',
  'The stock market fell on Monday.',
  'Plants make food by photosynthesis, for which they need light, water and carbon dioxide from the air.',
];

/** A list of its own: other documents, other lengths. */
function listOf(request: number): Shortlist {
  const texts = Array.from({ length: 3 + request }, (_, i) =>
    Array.from(
      { length: 1 + ((request + i) % 4) },
      (_, j) => sentences[(request + i + j) % sentences.length],
    ).join(' '),
  ).map((text, i) => `${text} ${request} ${i}`);
  return {
    query: { text: `how do plants make food ${request}` },
    candidates: texts.map((text, i) => ({ docId: String(i), text, segments: [] })),
    firstStage: 'unknown',
  };
}

const byIndex = ({ candidates }: Ranking): { scores: number[]; logits: number[] } => {
  const sorted = candidates.toSorted((a, b) => a.index - b.index);
  return { scores: sorted.map(({ score }) => score), logits: sorted.map(({ logit }) => logit) };
};

describe('requests at once', () => {
  it('that share batches get the scores that each gets alone, within 1e-4', async () => {
    const lists = Array.from({ length: 12 }, (_, request) => listOf(request));
    const alone: Ranking[] = [];
    for (const list of lists) alone.push(await reranker.rerank(list));
    const together = await Promise.all(lists.map((list) => reranker.rerank(list)));
    together.forEach((ranking, i) => {
      const [got, expected] = [byIndex(ranking), byIndex(alone[i]!)];
      assertAllClose(got.scores, expected.scores, { rtol: 0, atol: 1e-4 });
      assertAllClose(got.logits, expected.logits, { rtol: 0, atol: 1e-3 });
    });
  });

  it('gets the same scores to the last bit when it comes alone twice', async () => {
    const first = await reranker.rerank(listOf(5));
    expect(await reranker.rerank(listOf(5))).toEqual(first);
  });
});
