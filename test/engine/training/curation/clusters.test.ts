import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bigramModel,
  clusterPurity,
  curate,
  diversify,
  embeddingQuality,
  noiseRows,
  seededRandom,
  varianceReduction,
} from '../../../../engine/laboratory.ts';
import { balancedClusters } from '../../../../engine/training/curation/balanced-clusters.ts';
import { completeLinkage } from '../../../../engine/training/curation/complete-linkage.ts';
import { reduceRows } from '../../../../engine/training/curation/reduce-rows.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';

const points = (...rows: readonly (readonly number[])[]) => ({
  width: rows[0]!.length,
  rows: Float32Array.from(rows.flat()),
});
const distance = (rows: Float32Array, i: number, j: number): number =>
  Math.hypot(rows[2 * i]! - rows[2 * j]!, rows[2 * i + 1]! - rows[2 * j + 1]!);

describe('balancedClusters', () => {
  it('finds groups that stand apart, and makes sizes that differ by at most one', () => {
    const groups = points([0, 0], [9, 9], [0, 1], [9, 8], [1, 0], [8, 9]);
    const found = balancedClusters(groups, { size: 3, random: seededRandom(1) });
    expect(found.map((rows) => rows.map((i) => i % 2)).sort()).toEqual([
      [0, 0, 0],
      [1, 1, 1],
    ]);
    const sizes = balancedClusters(noiseRows(53), { size: 5, random: seededRandom(2) }).map(
      (rows) => rows.length,
    );
    expect(sizes.reduce((sum, size) => sum + size)).toBe(53);
    expect(new Set(sizes)).toEqual(new Set([4, 5]));
  });
});

/** Distances of complete linkage's merges, from all pairs of clusters each time. */
function slowDistances(rows: Parameters<typeof distance>[0], count: number): number[] {
  const clusters = Array.from({ length: count }, (_, i) => [i]);
  const distances: number[] = [];
  while (clusters.length > 1) {
    const pairs = clusters.flatMap((one, a) =>
      clusters.slice(0, a).map((other, b) => {
        const far = Math.max(...one.flatMap((i) => other.map((j) => distance(rows, i, j))));
        return { far, a, b };
      }),
    );
    const nearest = pairs.reduce((best, pair) => (pair.far < best.far ? pair : best));
    distances.push(nearest.far);
    clusters[nearest.b]!.push(...clusters.splice(nearest.a, 1)[0]!);
  }
  return distances;
}

describe('completeLinkage', () => {
  it('merges as the slow way does, which looks at all pairs of clusters each time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 24 }), (seed, count) => {
        const { rows } = noiseRows(count, { width: 2, seed });
        const slow = slowDistances(rows, count);
        const fast = completeLinkage({ width: 2, rows }).map((merge) => merge.distance);
        assertAllClose(
          fast.sort((a, b) => a - b),
          slow,
          { rtol: 1e-5, atol: 1e-6 },
        );
      }),
      { numRuns: 40 },
    );
  });
});

describe('diversify', () => {
  it('takes of each cluster the row nearest to its mean, and says how far a cluster reaches', () => {
    const rows = points([0, 0], [0, 1], [0, 2], [50, 50], [50, 53], [-70, 0]);
    expect(diversify(rows, 3)).toEqual({ kept: [1, 3, 5], epsilon: 3 });
    expect(diversify(rows, 9)).toEqual({ kept: [0, 1, 2, 3, 4, 5], epsilon: 0 });
    expect(() => diversify(rows, 0)).toThrow(RangeError);
  });

  it('takes as many as are wanted of more rows than are clustered together', () => {
    const { kept } = diversify(noiseRows(5000, { width: 2 }), 700);
    expect(new Set(kept).size).toBe(700);
  });
});

describe('curate', () => {
  it('leaves near-duplicates out before it chooses', () => {
    const rows = points([1, 0], [0, 1], [2, 0.01], [-1, 0.5], [0, 3]);
    expect(curate(rows, { count: 5 })).toEqual({ kept: [0, 1, 3], standing: [0, 1, 0, 3, 1], epsilon: 0 });
    expect(curate({ width: 2, rows: new Float32Array(0) }, { count: 1 }).kept).toEqual([]);
  });
});

describe('reduceRows', () => {
  it('keeps the directions of most spread, around the mean, at length 1', () => {
    // All spread lies along (1, 1, 0); the first row is the mean.
    const line = points([1, 1, 5], [2, 2, 5], [4, 4, 5], [-3, -3, 5]);
    assertAllClose(reduceRows(line, 1).rows.map(Math.abs), Float32Array.of(0, 1, 1, 1), { atol: 1e-5 });
    const { width, rows } = reduceRows(noiseRows(40, { width: 8 }), 8);
    expect(width).toBe(8);
    for (let i = 0; i < 40; i += 1) expect(Math.hypot(...rows.subarray(8 * i, 8 * i + 8))).toBeCloseTo(1, 5);
  });
});

describe('the measures of embeddings', () => {
  it('are what a hand computes', () => {
    const clusters = [
      [0, 1],
      [2, 3],
    ];
    // Variances: of all 20/3, within .5 and .5.
    expect(varianceReduction([1, 2, 5, 6], clusters)).toBeCloseTo(17 / 3 / 0.5, 12);
    expect(clusterPurity(['a', 'a', 'a', 'b'], clusters)).toBe(0.75);
  });

  it('are 1 and chance for noise, and tell a source that the rows know', () => {
    const random = seededRandom(3);
    const sources = Array.from({ length: 400 }, () => (random() < 0.5 ? 'shop' : 'help'));
    const losses = sources.map((source) => (source === 'shop' ? 1 : 3) + random());
    const known = noiseRows(400, { width: 3 });
    for (const [i, source] of sources.entries()) if (source === 'shop') known.rows[3 * i]! += 20;
    const [noise, good] = [noiseRows(400), known].map(
      (rows) => embeddingQuality(rows, { losses, sources }, { sizes: [10] })[0]!,
    );
    expect(noise!.varianceReduction).toBeCloseTo(1, 1);
    expect(good!.varianceReduction).toBeGreaterThan(5);
    expect(good!.purity).toBeGreaterThan(0.95);
    expect(noise!.purity).toBeLessThan(0.7);
  });

  it('refuse lengths that differ and clusters that are too large', () => {
    expect(() => embeddingQuality(noiseRows(9), { losses: [1] }, { sizes: [2] })).toThrow(/9 rows, got 1/);
    const losses = Array(9).fill(1);
    expect(() => embeddingQuality(noiseRows(9), { losses }, { sizes: [5] })).toThrow(/half of 9 rows, got 5/);
  });
});

describe('bigramModel', () => {
  it('interpolates pair, word and any word', () => {
    const { loss } = bigramModel(['A b', 'a c a']);
    // Of 5 words, 3 known: p(a | start) = .5·1 + .45·3/5 + .05/4; p(b | a) = .5·1/2 + .45/5 + .05/4.
    expect(loss('a b')).toBeCloseTo(-(Math.log(0.7825) + Math.log(0.3525)) / 2, 12);
    // Unknown after unknown: .05/4 alone.
    expect(loss('x y')).toBeCloseTo(-Math.log(0.0125), 12);
    expect(loss('')).toBeCloseTo(Math.log(4), 12);
  });
});
