import { describe, expect, it } from 'vitest';
import { chooseUnits, type PartChoice } from '../../../../engine/training/narrowing/choose-units.ts';

const parts: readonly PartChoice[] = [
  { losses: [0, 0.1, 0.3, 0.9, 5], unitCost: 4 },
  { losses: [0, 0.01, 0.02, 0.03, 9], unitCost: 1 },
  { losses: [0, 1, 2.5], unitCost: 2 },
];

const costOf = (kept: readonly number[]): number =>
  parts.reduce((sum, { unitCost }, i) => sum + unitCost * kept[i]!, 0);
const lossOf = (kept: readonly number[]): number =>
  parts.reduce((sum, { losses }, i) => sum + losses[losses.length - 1 - kept[i]!]!, 0);

describe('chooseUnits', () => {
  it.each([7, 9, 13, 17, 21, 24])(
    'loses least of all choices that cost no more than its own, within %d',
    (budget) => {
      const kept = chooseUnits(parts, budget);
      expect(costOf(kept)).toBeLessThanOrEqual(budget);
      for (let a = 1; a <= 4; a += 1)
        for (let b = 1; b <= 4; b += 1)
          for (let c = 1; c <= 2; c += 1)
            if (costOf([a, b, c]) <= costOf(kept))
              expect(lossOf(kept)).toBeLessThanOrEqual(lossOf([a, b, c]));
    },
  );

  it('keeps everything where there is room for it', () => {
    expect(chooseUnits(parts, 100)).toEqual([4, 4, 2]);
  });

  it('refuses a budget that is too small for one unit of each', () => {
    expect(() => chooseUnits(parts, 6)).toThrow('expected a budget of at least 7, got 6');
  });
});
