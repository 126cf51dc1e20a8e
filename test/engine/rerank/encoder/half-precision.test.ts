import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { documentText, readCandidates, readCollection } from '../../../../engine/evaluation/collection.ts';
import { openEncoderReranker, type Ranking, type RerankerOptions } from '../../../../engine/index.ts';
import { shortlistOf } from '../../../support/tiny/shortlist.ts';

const collection = fileURLToPath(new URL('../../../../../shared/data/trec-dl19', import.meta.url));
const isThere = existsSync(join(collection, 'candidates-bm25.tsv'));
if (!isThere) console.log(`The sample of trec-dl19 is skipped: ${collection} is not there.`);

/** Queries of the sample, and BM25's candidates of each: what two cores encode in a few seconds. */
const sampled = { queries: 4, candidates: 20 };
/** Scores in half precision are within this of those in float32. */
const bound = 2e-3;

async function sample(): Promise<{ query: string; texts: string[] }[]> {
  const { queries, documents } = await readCollection(collection);
  const lists = await readCandidates(collection, 'bm25');
  return [...lists].slice(0, sampled.queries).map(([queryId, candidates]) => ({
    query: queries.get(queryId)!,
    texts: candidates.slice(0, sampled.candidates).map(({ docId }) => documentText(documents.get(docId)!)),
  }));
}

describe.skipIf(!isThere)('half precision on trec-dl19', () => {
  it.each(['tokens', 'anchor'] as const)(
    'orders a sample as float32 does, but for ties within the bound (tier %s)',
    async (tier) => {
      const lists = await sample();
      expect(lists).toHaveLength(sampled.queries);
      const rank = async (options: RerankerOptions): Promise<Ranking[]> => {
        const reranker = await openEncoderReranker({ tier, workers: 1, warmUp: false, ...options });
        const rankings: Ranking[] = [];
        for (const { query, texts } of lists)
          rankings.push(await reranker.rerank(shortlistOf(query, ...texts)));
        await reranker.close();
        return rankings;
      };
      const [exact, half] = [await rank({}), await rank({ precision: 'fp16' })];
      let largest = 0;
      exact.forEach((ranking, list) => {
        const scores = new Map(ranking.candidates.map(({ index, score }) => [index, score]));
        const given = half[list]!.candidates;
        for (const { index, score } of given)
          largest = Math.max(largest, Math.abs(score - scores.get(index)!));
        // Whoever stands below somebody is no better in float32 by more than both may be off.
        given.slice(1).forEach(({ index }, i) => {
          expect(scores.get(index)! - scores.get(given[i]!.index)!).toBeLessThan(2 * bound);
        });
      });
      console.log(`Largest difference of a score, tier ${tier}: ${largest.toExponential(1)}`);
      expect(largest).toBeLessThan(bound);
    },
  );
});
