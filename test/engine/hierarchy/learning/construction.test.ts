import { describe, expect, it } from 'vitest';
import { ancestors, makeTaxonomy, seededRandom } from '../../../../engine/laboratory.ts';
import { constructEmbeddings, marginOf } from '../../../support/oracles/hierarchy-construction.ts';

/** A perfect tree: node i stands below (i - 1) / W. */
const perfectTree = (W: number, H: number) => {
  const nodes = (W ** H - 1) / (W - 1);
  const edges = Array.from({ length: nodes - 1 }, (_, i) => ({
    child: `n${i + 1}`,
    parent: `n${Math.floor(i / W)}`,
  }));
  return makeTaxonomy(edges);
};

describe('a hierarchy without training', () => {
  it('has vectors that one threshold separates, in fewer values than there are documents squared', () => {
    const tree = perfectTree(2, 5);
    const matches = ancestors(tree);
    expect([tree.nodes.length, Math.max(...matches.map(({ documents }) => documents.length))]).toEqual([
      31, 5,
    ]);
    const marginAt = (width: number): number => {
      const embeddings = constructEmbeddings(matches, { documents: 31, width, random: seededRandom(width) });
      return marginOf(matches, embeddings);
    };
    let width = 1;
    while (marginAt(width) <= 0 && width < 4096) width *= 2;
    expect(marginAt(width)).toBeGreaterThan(0);
    // d = O(H² log W) up to a constant: 5² log 31 is 86.
    expect(width).toBeLessThanOrEqual(512);
    // In one dimension no threshold serves: the search for a width has something to find.
    expect(marginAt(1)).toBeLessThan(0);
  });
});
