import { describe, expect, it } from 'vitest';
import type { Shortlist } from '../../../engine/index.ts';
import { fakeReranker, rerankerSuite } from '../../../plugin/testing/index.ts';

rerankerSuite({ name: 'fakeReranker', open: () => fakeReranker() });

const shortlist: Shortlist = {
  query: { text: 'study of stars' },
  candidates: ['beans', 'stars', 'the study of stars'].map((text, i) => ({
    docId: `d${i}`,
    text,
    segments: [],
  })),
  firstStage: 'unknown',
};

describe('fakeReranker', () => {
  it('orders by the words that query and text share', async () => {
    const { candidates } = await fakeReranker().rerank(shortlist);
    expect(candidates.map(({ index }) => index)).toEqual([2, 1, 0]);
  });

  it('takes the logit and the calibration that a test wants', async () => {
    const reranker = fakeReranker({ logit: (_candidate, _query, index) => -index, calibrate: () => 0.25 });
    const { candidates } = await reranker.rerank(shortlist);
    expect(candidates.map(({ index, calibratedScore }) => [index, calibratedScore])).toEqual([
      [0, 0.25],
      [1, 0.25],
      [2, 0.25],
    ]);
  });

  it('fails on demand and counts its calls', async () => {
    const fault = (call: number): void => {
      if (call === 2) throw new Error('the device is gone');
    };
    const reranker = fakeReranker({ fault });
    await reranker.rerank(shortlist);
    await expect(reranker.rerank(shortlist)).rejects.toThrow('the device is gone');
    await reranker.rerank(shortlist);
    expect(reranker.calls).toHaveLength(3);
  });

  it('ends a hanging call when it is closed', async () => {
    const reranker = fakeReranker({ fault: () => new Promise(() => {}) });
    const call = reranker.rerank(shortlist);
    await reranker.close();
    await expect(call).rejects.toThrow(TypeError);
  });
});
