import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CostPoint, choosePoint, paretoChart, placePoints } from '../../../engine/laboratory.ts';

const point = (name: string, costMs: number, ...values: number[]): CostPoint => ({ name, costMs, values });

const points = [
  point('dear', 90, 0.6, 0.8, 0.7),
  point('none', 0, 0.2, 0.5, 0.3),
  point('wasteful', 95, 0.5, 0.8, 0.7),
  point('cheap', 10, 0.5, 0.8, 0.6),
];

describe('points of cost and quality', () => {
  it('stand in order of cost, and those that another beats are not on the front', () => {
    const placed = placePoints(points).map(({ name, isOnFront }) => [name, isOnFront]);
    expect(placed).toEqual([
      ['none', true],
      ['cheap', true],
      ['dear', true],
      ['wasteful', false],
    ]);
  });

  it('have a front on which more cost is more quality, and which holds the best', () => {
    const any = fc.record({
      costMs: fc.double({ min: 0, max: 10, noNaN: true }),
      value: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 12 }), (all) => {
        const placed = placePoints(all.map(({ costMs, value }, i) => point(`${i}`, costMs, value)));
        const front = placed.filter(({ isOnFront }) => isOnFront).map(({ quality }) => quality);
        expect(front).toEqual([...front].sort((a, b) => a - b));
        expect(Math.max(...front)).toBe(Math.max(...placed.map(({ quality }) => quality)));
      }),
    );
  });

  it('are chosen by a budget, or by what no judgement tells apart from the best', () => {
    const placed = placePoints(points);
    expect(choosePoint(placed, 50)?.name).toBe('cheap');
    expect(choosePoint(placed, 0)?.name).toBe('none');
    // .1, 0 and .1 behind: a mean of .067 is more than its standard error of .033.
    expect(choosePoint(placed)?.name).toBe('dear');
    const close = placePoints([point('dear', 9, 0.6, 0.5, 0.7), point('cheap', 1, 0.5, 0.6, 0.7)]);
    expect(choosePoint(close)?.name).toBe('cheap');
    expect(choosePoint(placePoints([point('a', 5, 1)]), 4)).toBeUndefined();
  });

  it('are drawn with their names', async () => {
    const svg = await paretoChart(placePoints(points), 'nDCG@10');
    expect(svg).toMatch(/^<svg/);
    for (const { name } of points) expect(svg).toContain(`>${name}<`);
  });
});
