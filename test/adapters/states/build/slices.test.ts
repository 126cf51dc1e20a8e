import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ShardSpan } from '../../../../adapters/cluster/shards.ts';
import { cutSlices } from '../../../../adapters/states/build/slices.ts';

const spanOf = (shard: number, documents: number, first: number, after = -1): ShardSpan => ({
  index: { name: 'docs', identity: 'i', shards: 9, replicas: undefined },
  shard,
  after,
  to: first + documents + 7,
  documents,
  firstSeqNo: first,
  lastSeqNo: first + documents - 1,
});

describe('cutSlices', () => {
  it('puts every number of every shard into exactly one slice', () => {
    const shards = fc.array(fc.record({ documents: fc.integer({ min: 1, max: 400 }), first: fc.nat(1000) }), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(shards, fc.integer({ min: 1, max: 40 }), (sizes, wanted) => {
        const spans = sizes.map(({ documents, first }, shard) => spanOf(shard, documents, first));
        const slices = cutSlices(spans, wanted);
        for (const { shard, firstSeqNo, lastSeqNo } of spans) {
          const own = slices.filter((slice) => slice.shard === shard);
          expect(own.map(({ after }) => after)).toEqual([
            firstSeqNo - 1,
            ...own.slice(0, -1).map(({ to }) => to),
          ]);
          expect(own.at(-1)!.to).toBe(lastSeqNo);
          expect(own.every(({ after, to }) => to > after)).toBe(true);
        }
      }),
    );
  });

  it('gives a shard as many slices as its share of the documents, and none for a handful', () => {
    const slices = cutSlices([spanOf(0, 900, 0), spanOf(1, 100, 0)], 10);
    expect(slices.filter(({ shard }) => shard === 0)).toHaveLength(9);
    expect(slices.filter(({ shard }) => shard === 1)).toHaveLength(1);
    expect(cutSlices([spanOf(0, 20, 0)], 10)).toHaveLength(1);
  });

  it('leaves out what lies before a place', () => {
    expect(cutSlices([spanOf(0, 40, 60, 58)], 1)).toMatchObject([{ after: 59, to: 99 }]);
    // Everything behind the place was deleted, or written anew.
    expect(cutSlices([{ ...spanOf(0, 0, 99), lastSeqNo: 59, after: 59 }], 1)).toEqual([]);
  });
});
