import { describe, expect, it } from 'vitest';
import {
  evaluateCollection,
  intraListDistance,
  parseMeasure,
  toVarietyTable,
  varietySystems,
} from '../../../engine/laboratory.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';

/** Texts are "topic logit". */
const texts = ['a 9', 'a 8', 'a 7', 'b 6', 'c 5'];
const embedder = {
  embed: async (given: readonly string[]) => {
    const rows = new Float32Array(given.length * 3);
    for (const [i, text] of given.entries()) rows[3 * i + text.charCodeAt(0) - 97] = 1;
    return { width: 3, rows };
  },
};

describe('variety systems', () => {
  it('measure the distance of the first documents, and what variety costs', async () => {
    const reranker = Object.assign(fakeReranker({ logit: ({ text }) => Number(text.slice(2)) }), {
      embedder,
    });
    const { systems, distances } = varietySystems(reranker, [0.5]);
    const result = await evaluateCollection({
      collection: {
        name: 'tiny',
        documents: new Map(texts.map((text, i) => [`${i}`, { docId: `${i}`, title: '', text }])) as never,
        queries: new Map([['q', 'words']]),
        qrels: new Map([['q', new Map([['1', 1]])]]),
      } as never,
      candidates: new Map([['q', texts.map((_, i) => ({ docId: `${i}`, score: -i }))]]),
      firstStage: 'unknown',
      systems,
      baseline: 'undiversified',
      measures: [parseMeasure('RR@10')],
    });
    expect(result.measured.get('undiversified')?.get('RR@10')?.mean).toBe(1 / 2);
    expect(result.measured.get('diversified-0.5')?.get('RR@10')?.mean).toBe(1 / 4);
    expect(reranker.calls).toHaveLength(1);
    // All five are in the first ten: the lists are equally far apart.
    expect([...distances().values()]).toEqual([0.7, 0.7]);
    expect(toVarietyTable(result, distances(), 'RR@10')).toContain('0.2500');
  });

  it('take the mean over all pairs, and 0 for fewer than two documents', () => {
    const of = (one: number, other: number): number => (one + other) / 10;
    expect(intraListDistance([0, 1, 3], { of })).toBeCloseTo((0.9 + 0.7 + 0.6) / 3, 12);
    expect(intraListDistance([2], { of })).toBe(0);
    expect(() => varietySystems(fakeReranker(), [0.5])).toThrow(RangeError);
  });
});
