import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PruningRule, pruneTokens, pruningRules } from '../../../engine/states/codec-pruning.ts';
import { randomNumbers, tinyState } from '../../support/tiny/tiny-states.ts';

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const whole = (blockTokens: readonly number[], width = 4, seed = 1) => {
  const state = tinyState(blockTokens, width, randomNumbers(seed));
  return { ...state, tokens: state.tokens! };
};
const row = (rows: Float32Array, i: number, width = 4): number[] => [
  ...rows.subarray(i * width, (i + 1) * width),
];

describe.each(pruningRules)('pruneTokens by %s', (rule: PruningRule) => {
  it('keeps at most the bound, one a block at least, of length 1', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 64 }), fc.nat(), (blockTokens, maxTokens, seed) => {
        const kept = pruneTokens(whole(blockTokens, 4, seed), { maxTokens, rule });
        expect(kept.blockTokens).toHaveLength(blockTokens.length);
        expect(kept.tokens).toHaveLength(4 * sum(kept.blockTokens));
        expect(sum(kept.blockTokens)).toBeLessThanOrEqual(Math.max(maxTokens, blockTokens.length));
        kept.blockTokens.forEach((count, block) => {
          expect(count).toBeGreaterThanOrEqual(1);
          expect(count).toBeLessThanOrEqual(blockTokens[block]!);
        });
        for (let i = 0; i < sum(kept.blockTokens); i += 1)
          expect(Math.hypot(...row(kept.tokens, i))).toBeCloseTo(1, 5);
      }),
    );
  });

  it('leaves a document of no more tokens than the bound as it is', () => {
    const state = whole([3, 5]);
    expect(pruneTokens(state, { maxTokens: 8, rule })).toEqual({ blockTokens: [3, 5], tokens: state.tokens });
  });
});

describe('pruneTokens', () => {
  it('by attention keeps those nearest to their own anchor, in the order of the text', () => {
    const width = 2;
    const at = (angle: number): number[] => [Math.cos(angle), Math.sin(angle)];
    const angles = [0.9, 0.1, 0.5, 0, 0.3];
    const state = {
      width,
      blockTokens: [5],
      anchors: Float32Array.from(at(0)),
      tokens: Float32Array.from(angles.flatMap(at)),
      truncatedTokens: 0,
    };
    const { tokens } = pruneTokens(state, { maxTokens: 3, rule: 'attention' });
    expect(tokens).toEqual(Float32Array.from([0.1, 0, 0.3].flatMap(at)));
  });

  it('by pooling gives means of neighbours and shares the bound by length', () => {
    const state = whole([6, 2]);
    const { blockTokens, tokens } = pruneTokens(state, { maxTokens: 4, rule: 'pool' });
    expect(blockTokens).toEqual([3, 1]);
    const pair = row(state.tokens, 0).map((value, k) => value + row(state.tokens, 1)[k]!);
    const norm = Math.hypot(...pair);
    row(tokens, 0).forEach((value, k) => {
      expect(value).toBeCloseTo(pair[k]! / norm, 6);
    });
  });

  it('by pooling takes the first of opposite vectors, whose mean has no direction', () => {
    const tokens = Float32Array.of(1, 0, -1, 0);
    const state = { width: 2, blockTokens: [2], anchors: Float32Array.of(1, 0), tokens, truncatedTokens: 0 };
    expect([...pruneTokens(state, { maxTokens: 1, rule: 'pool' }).tokens]).toEqual([1, 0]);
  });
});
