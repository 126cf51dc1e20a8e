import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type BlockState,
  openReranker,
  type Ranking,
  type Reranker,
  type Shortlist,
  type StateSource,
} from '../../../../engine/index.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';

/** Keeps what was encoded for the test to look at, and never has any. */
const encoded = new Map<string, BlockState>();
const stateSource: StateSource = {
  getMany: async (keys) => keys.map(() => undefined),
  putMany: async (entries) => {
    for (const [{ textDigest }, state] of entries) encoded.set(textDigest, state);
  },
  close: async () => {},
};

let reranker: Reranker;
beforeAll(async () => {
  // Nothing is remembered, so that every request encodes its documents again, in whatever batch they meet.
  reranker = await openReranker({ workers: 2, stateCacheBytes: 0, stateSource });
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
  it('share batches, and get the vectors and the scores that each gets alone, within 1e-5 and 1e-4', async () => {
    const lists = Array.from({ length: 12 }, (_, request) => listOf(request));
    const sent = vi.spyOn(Worker.prototype, 'postMessage');
    const batches = (): number =>
      sent.mock.calls.filter(
        ([message]) => (message as { request?: { kind: string } }).request?.kind === 'encode',
      ).length;
    const alone: Ranking[] = [];
    for (const list of lists) alone.push(await reranker.rerank(list));
    const [batchesAlone, statesAlone] = [batches(), new Map(encoded)];
    encoded.clear();
    sent.mockClear();
    const together = await Promise.all(lists.map((list) => reranker.rerank(list)));
    expect(batches()).toBeLessThan(batchesAlone * 0.75);
    sent.mockRestore();
    expect(encoded.size).toBe(statesAlone.size);
    for (const [digest, { anchors, tokens }] of encoded) {
      const expected = statesAlone.get(digest)!;
      assertAllClose(anchors, expected.anchors, { atol: 1e-5 });
      assertAllClose(tokens!, expected.tokens!, { atol: 1e-5 });
    }
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

describe('a list of a hundred unknown documents with little time to read in', () => {
  it('is ranked as far as it was read', async () => {
    const list = listOf(97);
    expect(list.candidates).toHaveLength(100);
    let read = 0;
    // Machines differ in what little time is: the first time in which anything is read.
    for (let readWithinMs = 200; read === 0; readWithinMs *= 2) {
      const { candidates, usage } = await reranker.rerank(list, { readWithinMs });
      expect(candidates.map(({ index }) => index).sort((a, b) => a - b)).toEqual([...list.candidates.keys()]);
      read = candidates.filter(({ isRead }) => isRead !== false).length;
      expect(read).toBe(usage.read ?? 100);
    }
    expect(read).toBeGreaterThan(0);
  });
});
