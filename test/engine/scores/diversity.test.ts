import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applySteps } from '../../../engine/compose/stepped.ts';
import type { Embeddings, Shortlist } from '../../../engine/contract.ts';
import { type DiversityOptions, diversity, diversityIssues } from '../../../engine/scores/diversity.ts';
import { rankLogits } from '../../../engine/scores/ranking.ts';

const listOf = (count: number): Shortlist => ({
  query: { text: 'q' },
  firstStage: 'lexical',
  candidates: Array.from({ length: count }, (_, i) => ({ docId: `${i}`, text: `${i}`, segments: [] })),
});

async function diversified(
  logits: readonly number[],
  rows: readonly (readonly number[])[],
  options: DiversityOptions,
) {
  const embeddings: Embeddings = { width: 3, rows: Float32Array.from(rows.flat()) };
  const reranker = {
    embedder: { embed: () => Promise.resolve(embeddings) },
    anchors: () => Promise.resolve(embeddings),
  };
  const steps = [diversity(options)];
  const { candidates } = await applySteps(rankLogits(logits), listOf(logits.length), { steps, reranker });
  return candidates.map(({ index }) => index);
}

/** The definition, written out: cosines of all pairs, at every rank the largest value. */
function slowly(logits: readonly number[], rows: readonly (readonly number[])[], lambda: number): number[] {
  const [low, high] = [Math.min(...logits), Math.max(...logits)];
  const relevance = logits.map((logit) => (high > low ? (logit - low) / (high - low) : 1));
  const cosine = (a: readonly number[], b: readonly number[]): number => {
    const dot = (x: readonly number[], y: readonly number[]): number =>
      x.reduce((sum, v, k) => sum + v * y[k]!, 0);
    return Math.max(0, dot(a, b) / (Math.sqrt(dot(a, a) * dot(b, b)) || 1));
  };
  const order: number[] = [];
  while (order.length < logits.length) {
    const value = (i: number): number => {
      const alike = Math.max(0, ...order.map((j) => cosine(rows[i]!, rows[j]!)));
      return lambda * relevance[i]! - (1 - lambda) * alike - (alike >= 0.99 ? 2 : 0);
    };
    const left = [...logits.keys()]
      .filter((i) => !order.includes(i))
      .sort((a, b) => logits[b]! - logits[a]! || a - b);
    order.push(left.reduce((best, i) => (value(i) > value(best) + 1e-6 ? i : best)));
  }
  return order;
}

describe('diversity', () => {
  it('is maximal marginal relevance', async () => {
    const row = fc.tuple(
      fc.integer({ min: -3, max: 3 }),
      fc.integer({ min: -3, max: 3 }),
      fc.integer({ min: 0, max: 3 }),
    );
    const hits = fc.array(fc.record({ logit: fc.integer({ min: -9, max: 9 }), row }), {
      minLength: 3,
      maxLength: 9,
    });
    await fc.assert(
      fc.asyncProperty(hits, fc.constantFrom(0.31, 0.53, 0.77), async (list, lambda) => {
        const [logits, rows] = [list.map(({ logit }, i) => logit + i / 97), list.map((each) => each.row)];
        expect(await diversified(logits, rows, { lambda })).toEqual(slowly(logits, rows, lambda));
      }),
      { numRuns: 100 },
    );
  });

  it('lets near-duplicates wait for all others, and drops none, however little variety weighs', async () => {
    const rows = [
      [1, 0, 0],
      [1, 0, 0.001],
      [0, 1, 0],
      [0, 0, 1],
    ];
    expect(await diversified([4, 3.9, 1, 0], rows, { lambda: 0.99 })).toEqual([0, 2, 3, 1]);
    expect(await diversified([4, 3.9, 1, 0], rows, { lambda: 0.99, by: 'anchors' })).toEqual([0, 2, 3, 1]);
    // Within two ranks the duplicate loses the second, and follows in the order of the ranking.
    expect(await diversified([4, 3.9, 1, 0], rows, { lambda: 0.99, ranks: 2 })).toEqual([0, 2, 1, 3]);
  });

  it('leaves the order alone with a lambda of 1, without vectors, and for rows that are no numbers', async () => {
    const rows = [
      [1, 0, 0],
      [1, 0, 0],
      [0, 1, 0],
    ];
    expect(await diversified([3, 2, 1], rows, { lambda: 1 })).toEqual([0, 1, 2]);
    expect(
      await diversified(
        [3, 2, 1],
        rows.map(() => [Number.NaN, 0, 0]),
        { lambda: 0.5 },
      ),
    ).toEqual([0, 1, 2]);
    const steps = [diversity({ lambda: 0.5 })];
    for (const count of [0, 1, 3]) {
      const ranking = rankLogits(Array.from({ length: count }, (_, i) => -i));
      expect(await applySteps(ranking, listOf(count), { steps })).toBe(ranking);
    }
  });

  it('refuses options that cannot be, and a field that no hit comes with', async () => {
    const paths = (options: unknown): string[] => diversityIssues(options).map(({ path }) => path);
    expect(paths({})).toEqual(['lambda']);
    expect(paths({ lambda: 1.1, ranks: 0, by: 'words', k: 1 })).toEqual(['lambda', 'ranks', 'by', 'k']);
    expect(paths({ lambda: 0.5, field: 'shop', by: 'anchors' })).toEqual(['by']);
    await expect(
      diversified([3, 2, 1], [[1], [1], [1]], { lambda: 0.5, field: 'shop' }),
    ).rejects.toMatchObject({
      code: 'configuration',
    });
  });
});
