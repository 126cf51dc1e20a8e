import { describe, expect, it } from 'vitest';
import {
  batchLoss,
  leastGraphBatch,
  type MatchPairs,
  makeTaxonomy,
  openStageLoss,
  pairsFrom,
  seededRandom,
  startPair,
  tableGradient,
  taxonomyData,
  vectorsOf,
} from '../../../../engine/laboratory.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';

const random = seededRandom(3);
/** Node i stands below two nodes before it, so that pairs have many documents in common. */
const data = taxonomyData(
  makeTaxonomy(
    Array.from({ length: 400 }, (_, i) =>
      [0, 1].map(() => ({ child: `node ${i + 1}`, parent: `node ${Math.floor(random() * (i / 3))}` })),
    ).flat(),
  ),
);
const width = 6;
const pair = startPair(data, {
  forms: { queries: { kind: 'text', buckets: 90 }, documents: { kind: 'lookup', keys: data.documents } },
  width,
  seed: 1,
});
const all = pairsFrom(data.matches, 0);
const drawn = Int32Array.from({ length: leastGraphBatch }, () => Math.floor(random() * all.queries.length));
const batch: MatchPairs = {
  queries: drawn.map((i) => all.queries[i]!),
  documents: drawn.map((i) => all.documents[i]!),
};

/** The loss as it is written down, over every pair of the batch by itself. */
const plainLoss = (temperature: number, masksMatches: boolean) => {
  const maskOf = (k: number, mask: Uint8Array): void => {
    const own = data.matches[batch.queries[k]!]!.documents;
    for (let j = 0; j < mask.length; j += 1) mask[j] = own.includes(batch.documents[j]!) ? 1 : 0;
  };
  const vectors = {
    queries: vectorsOf(pair.queries, batch.queries),
    documents: vectorsOf(pair.documents, batch.documents),
    width,
  };
  const { loss, queryGradient, documentGradient } = batchLoss(vectors, {
    temperature,
    ...(masksMatches && { maskOf }),
  });
  return {
    loss,
    queries: tableGradient(pair.queries, batch.queries, queryGradient),
    documents: tableGradient(pair.documents, batch.documents, documentGradient),
  };
};

describe('openStageLoss', () => {
  it.each([
    ['every other document is wrong', 2, false],
    ['known matches are left out', 0.05, true],
    ['a flat softmax', 500, true],
  ])('says of a large batch what loops over its pairs say: %s', async (_, temperature, masksMatches) => {
    expect(new Set(batch.documents).size).toBeLessThan(batch.documents.length / 2);
    const losses = await openStageLoss(
      pair,
      { batch: leastGraphBatch, temperature, masksMatches },
      data.matches,
    );
    try {
      const { loss, gradients } = await losses.of(batch);
      const expected = plainLoss(temperature, masksMatches);
      expect(loss).toBeCloseTo(expected.loss, 5);
      for (const name of ['queries', 'documents'] as const) {
        // Sums over the pairs in float32, next to gradients of about .001 / temperature.
        assertAllClose(gradients.get(name)!, expected[name], { rtol: 1e-3, atol: 1e-7 / temperature });
      }
    } finally {
      await losses.close();
    }
  });
});
