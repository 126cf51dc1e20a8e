import { describe, expect, it } from 'vitest';
import { gradientsOf } from '../../../engine/graph/gradients/gradients-of.ts';
import { lengthOfAxis, liveBytes } from '../../../engine/graph/live-bytes.ts';
import * as g from '../../../engine/graph/operations/index.ts';
import { input, scalar, type Value } from '../../../engine/graph/value.ts';
import { liveBytes as countedByHolder } from '../../support/oracles/live-bytes.ts';

const x = input('x', 'float32', ['N', 4]);
const rows = 100;
const size = rows * 4 * 4;
const sumOf = (value: Value): Value => g.sumOver(value, [0, 1], { keeps: false });

describe('liveBytes', () => {
  it('counts what is held at once: results until their last reader, outputs to the end', () => {
    // exp, then a view of it that takes nothing, then its root beside it; then exp goes.
    const e = g.exponential(x);
    const root = g.squareRoot(g.reshape(e, ['4·N'], [-1]));
    expect(liveBytes([root], { N: rows })).toBe(2 * size);
    // Both are read by the sum, so three are there at once.
    expect(liveBytes([g.add(g.reshape(root, ['N', 4], [-1, 4]), e)], { N: rows })).toBe(3 * size);
    // An output stays: the fourth stands beside the first.
    const chain = g.absolute(g.absolute(g.absolute(e)));
    expect(liveBytes([chain], { N: rows })).toBe(2 * size);
    expect(liveBytes([e, chain], { N: rows })).toBe(3 * size);
  });

  it('counts of a backward pass what it reads of the forward pass', () => {
    // Ten sigmoids whose results the way back reads: ten are held when it begins.
    let y: Value = x;
    for (let i = 0; i < 10; i += 1) y = g.sigmoid(y);
    const [gradient] = gradientsOf(sumOf(y), [x]);
    const bytes = liveBytes([gradient!], { N: rows });
    // On the way back a gradient, `1 - y` and their products stand beside them.
    expect(bytes).toBeGreaterThanOrEqual(10 * size);
    expect(bytes).toBeLessThanOrEqual(13 * size);
    expect(bytes).toBe(countedByHolder([gradient!], { N: rows }));
  });

  it('knows the lengths that names of axes are made of', () => {
    expect(lengthOfAxis('3·N+P', { N: 5, P: 2 })).toBe(17);
    expect(lengthOfAxis('N+P', { 'N+P': 9 })).toBe(9);
    expect(() => liveBytes([g.add(x, scalar(1))], {})).toThrow(
      'liveBytes: expected a length of the axis "N", got none.',
    );
  });
});
