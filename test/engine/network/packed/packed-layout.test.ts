import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packedLayout, toBuckets, toPromptOrder } from '../../../../engine/network/packed/packed-layout.ts';

const form = { context: 'blocks', attention: 'fused', buckets: 3, queries: 1 } as const;

const rowsOf = (buckets: ReturnType<typeof toBuckets>, repeated: number): number =>
  buckets.reduce((sum, { from, to, longest }) => sum + (to - from) * (repeated + longest), 0);

/** Every way to cut, as slow as it is obvious. */
function fewestRows(lengths: readonly number[], most: number, repeated: number): number {
  if (lengths.length === 0) return 0;
  if (most === 0) return Number.POSITIVE_INFINITY;
  const ways = lengths.map((_, i) => {
    const last = lengths.slice(i);
    return fewestRows(lengths.slice(0, i), most - 1, repeated) + last.length * (repeated + last.at(-1)!);
  });
  return Math.min(...ways);
}

describe('toBuckets', () => {
  it('cuts lengths where the padding is least', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat(5),
        (some, most, repeated) => {
          const lengths = [...some].sort((a, b) => a - b);
          const buckets = toBuckets(lengths, most, repeated);
          expect(buckets.length).toBeLessThanOrEqual(most);
          expect(rowsOf(buckets, repeated)).toBe(fewestRows(lengths, most, repeated));
          // Every document stands in one bucket, and is no longer than it.
          expect(buckets.flatMap(({ from, to }) => lengths.slice(from, to))).toEqual(lengths);
          for (const { from, to, longest } of buckets)
            expect(Math.max(...lengths.slice(from, to))).toBe(longest);
        },
      ),
    );
  });

  it('needs no more buckets than there are lengths', () => {
    expect(toBuckets([4, 4, 4], 8, 10)).toEqual([{ from: 0, to: 3, longest: 4 }]);
    expect(toBuckets([], 8, 10)).toEqual([]);
  });

  it('cuts a list of 500 documents within the time of one layer', () => {
    const lengths = Array.from({ length: 500 }, (_, i) => 1 + ((i * 7919) % 384)).sort((a, b) => a - b);
    const start = performance.now();
    expect(toBuckets(lengths, 8, 92)).toHaveLength(8);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('packedLayout', () => {
  it('sorts documents by length, and leaves those of one length in the prompt’s order', () => {
    const size = { instruction: 4, documents: [9, 2, 9, 5], queries: [3] };
    expect(packedLayout(size, form)).toMatchObject({ order: [1, 3, 0, 2], seen: 29, tokens: 32 });
  });

  it('leaves documents that see each other where they are', () => {
    const size = { instruction: 4, documents: [9, 2, 9, 5], queries: [3, 2] };
    expect(packedLayout(size, { ...form, context: 'causal' })).toMatchObject({
      order: [0, 1, 2, 3],
      buckets: [],
      seen: 29,
      tokens: 34,
    });
  });
});

describe('toPromptOrder', () => {
  it('moves each document’s values to its place, row by row, and leaves what stands before them', () => {
    const layout = packedLayout({ instruction: 1, documents: [3, 1, 2], queries: [1] }, form);
    // A row is the instruction's value, then document 1, document 2, document 0.
    const row = [9, 20, 30, 31, 10, 11, 12];
    const values = Float32Array.from([...row, ...row.map((value) => value + 100)]);
    const moved = [9, 10, 11, 12, 20, 30, 31];
    expect([...toPromptOrder(values, layout, 1)]).toEqual([...moved, ...moved.map((value) => value + 100)]);
  });
});
