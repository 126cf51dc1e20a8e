import { describe, expect, it } from 'vitest';
import { toQueryGroups } from '../../../../engine/rerank/encoder/query-groups.ts';

const blocksOf = (...lengths: readonly number[]): { ids: Int32Array }[] =>
  lengths.map((length) => ({ ids: new Int32Array(length) }));

describe('toQueryGroups', () => {
  it('pads each block to a length that depends on the block alone, and runs equal ones together', () => {
    expect(toQueryGroups(blocksOf(5, 9, 8, 12, 4), 512, undefined)).toEqual([
      { tokens: 8, indexes: [0, 2] },
      { tokens: 12, indexes: [1, 3] },
      { tokens: 4, indexes: [4] },
    ]);
  });

  it('pads no block beyond the positions that the model reads', () => {
    expect(toQueryGroups(blocksOf(9, 10), 10, undefined)).toEqual([{ tokens: 10, indexes: [0, 1] }]);
  });

  it('runs blocks that documents see alone and as long as they are', () => {
    expect(toQueryGroups(blocksOf(5, 5), 512, new Map())).toEqual([
      { tokens: 5, indexes: [0] },
      { tokens: 5, indexes: [1] },
    ]);
  });
});
