import { describe, expect, it } from 'vitest';
import {
  crossValidateRouters,
  deferral,
  deferralChart,
  fitLearnedMap,
  fitRouter,
  lossesByCluster,
  queryClusters,
  singleRerankers,
} from '../../../../engine/laboratory.ts';
import { cheapestSum, expectedLosses } from '../../../../engine/scores/routing.ts';
import { routingFixture } from '../../../support/tiny/routing-fixture.ts';

const fixture = routingFixture(2);
const rowsOf = ({ width, rows }: { width: number; rows: Float32Array }): Float32Array[] =>
  Array.from({ length: rows.length / width }, (_, i) => rows.subarray(i * width, (i + 1) * width));

describe('crossValidateRouters', () => {
  const routers = crossValidateRouters({ ...fixture, counts: [1, 6] });
  const [zero, one, six] = ['zero', 'K-means 1', 'K-means 6'].map((name) => routers.get(name)!);

  it('gains over one mean for all queries, and over the best single reranker', () => {
    const best = Math.max(...singleRerankers(fixture).map(({ quality }) => quality));
    expect(six!.area).toBeGreaterThan(zero!.area + 0.08);
    expect(six!.peak).toBeGreaterThan(best + 0.01);
    expect(six!.neutralCost).toBeLessThan(0.9);
  });

  it('is the zero-router with one cluster', () => {
    expect(one!.area).toBeCloseTo(zero!.area, 12);
  });

  it('is beaten by the oracle alone', () => {
    const oracle = routers.get('oracle')!;
    for (const router of routers.values()) expect(router.area).toBeLessThanOrEqual(oracle.area);
  });

  it('loses nothing by learning the map, over several draws', () => {
    const differences = [1, 2, 3].map((seed) => {
      const drawn = crossValidateRouters({ ...routingFixture(seed), counts: [6] });
      return drawn.get('learned map 6')!.area - drawn.get('K-means 6')!.area;
    });
    expect(differences.reduce((sum, one) => sum + one, 0) / 3).toBeGreaterThan(-0.005);
  });

  it('shows K-NN beside it, and draws all of them', async () => {
    expect(routers.has('K-NN')).toBe(true);
    const singles = new Map(singleRerankers(fixture).map((point, i) => [`reranker ${i}`, point]));
    const svg = await deferralChart({ curves: routers, singles, measure: 'nDCG@10' });
    expect(svg).toMatch(/^<svg/);
    for (const name of [...routers.keys(), ...singles.keys()]) expect(svg).toContain(name);
  });

  it('refuses fewer queries than folds', () => {
    expect(() => crossValidateRouters({ ...routingFixture(1, 3), counts: [2] })).toThrow(RangeError);
  });
});

describe('fitRouter', () => {
  it('routes to a reranker that was not there when the clusters were made', () => {
    const best = fixture.chances.map((chances) => chances.indexOf(Math.max(...chances)));
    // It is the best at some topics; K-means looks at no losses, so that any reranker may be the new one.
    const added = best[0]!;
    const known = fixture.losses.map((row) => row.filter((_, r) => r !== added));
    const { map, clusters } = fitRouter({ ...fixture, losses: known, kind: 'k-means', count: 6, seed: 1 });
    const before = JSON.stringify(map);
    const byCluster = lossesByCluster(fixture.losses, clusters, map.rows.length);
    const entries = byCluster.map((clusterLosses, r) => ({
      name: `${r}`,
      costMs: 0,
      meanLoss: 0,
      clusterLosses,
    }));
    const chosen = rowsOf(fixture.embeddings).map((row) =>
      cheapestSum(expectedLosses(entries, map, row), fixture.costsMs, 0),
    );
    const itsOwn = [...fixture.topics.keys()].filter((q) => best[fixture.topics[q]!] === added);
    expect(itsOwn.length).toBeGreaterThan(20);
    const right = itsOwn.filter((q) => chosen[q] === added).length;
    expect(right / itsOwn.length).toBeGreaterThan(0.8);
    expect(JSON.stringify(map)).toBe(before);
  });

  it('leaves queries without words out of every cluster', () => {
    const rows = Float32Array.from([1, 0, 0, 0, 0, 1]);
    const { map, clusters } = fitRouter({
      embeddings: { width: 2, rows },
      losses: [[0.1], [0.9], [0.2]],
      kind: 'k-means',
      count: 5,
      seed: 1,
    });
    expect(map.rows).toHaveLength(2);
    expect(clusters[1]).toBe(-1);
  });
});

describe('queryClusters', () => {
  it('makes no more clusters than there are different queries, and refuses queries without words', () => {
    const twice = { width: 2, rows: Float32Array.from([1, 0, 1, 0, 0, 1]) };
    expect(queryClusters(twice, { count: 8, seed: 1 })).toHaveLength(2);
    expect(() => queryClusters({ width: 2, rows: new Float32Array(4) }, { count: 2, seed: 1 })).toThrow(
      RangeError,
    );
  });

  it('takes queries without judgements in', () => {
    const unjudged = { width: 2, rows: Float32Array.from([0, 1, 0, 1]) };
    const embeddings = { width: 2, rows: Float32Array.from([1, 0]) };
    const { map } = fitRouter({ embeddings, unjudged, losses: [[0]], kind: 'k-means', count: 2, seed: 1 });
    expect(map.rows).toHaveLength(2);
  });
});

describe('fitLearnedMap', () => {
  const { map, clusters } = fitRouter({ ...fixture, kind: 'k-means', count: 6, seed: 1 });
  const options = {
    embeddings: rowsOf(fixture.embeddings),
    losses: fixture.losses,
    clusterLosses: lossesByCluster(fixture.losses, clusters, map.rows.length),
    centroids: map.rows,
    seed: 1,
  };

  it('lowers the log loss, and keeps the map that was best on the queries held out', () => {
    const { trainingLosses, heldOutLosses, bestStep } = fitLearnedMap(options);
    expect(trainingLosses.at(-1)).toBeLessThan(trainingLosses[0]!);
    expect(heldOutLosses[bestStep]).toBe(Math.min(...heldOutLosses));
  });

  it('goes down along its gradient from the start', () => {
    const { trainingLosses } = fitLearnedMap({ ...options, maxSteps: 3, patience: 9 });
    expect(trainingLosses).toEqual(trainingLosses.toSorted((a, b) => b - a));
  });
});

describe('deferral', () => {
  it('has the figures of a curve that can be drawn by hand', () => {
    // Two queries; the dear reranker (11 ms) is right about both, the cheap one (1 ms) about the first alone.
    const losses = [
      [0, 0],
      [1, 0],
    ];
    const { points, area, peak, neutralCost } = deferral({ expected: losses, losses, costsMs: [1, 11] });
    expect(points).toEqual([
      { costMs: 1, quality: 0.5 },
      { costMs: 6, quality: 1 },
    ]);
    // From 1 to 6 ms .75 on average, from 6 to 11 ms 1.
    expect(area).toBeCloseTo(0.875, 12);
    expect(peak).toBe(1);
    expect(neutralCost).toBeCloseTo(6 / 11, 12);
  });

  it('has no neutral cost where the router is never as good as the best single reranker', () => {
    const losses = [[1, 0]];
    expect(deferral({ expected: [[0, 1]], losses, costsMs: [1, 11] }).neutralCost).toBeUndefined();
  });
});
