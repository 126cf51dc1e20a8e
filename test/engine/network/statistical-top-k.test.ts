import { describe, expect, it } from 'vitest';
import { input, type Value } from '../../../engine/graph/value.ts';
import { statisticalTopK } from '../../../engine/network/statistical-top-k.ts';
import { statisticalThreshold } from '../../../engine/readout/statistical-top-k.ts';
import { assertAllClose } from '../../support/checks/all-close.ts';
import { checkedGradients, openGraph } from '../../support/checks/gradient-check.ts';
import { laplaces, normals } from '../../support/tiny/random-values.ts';

const floats = (value: { readonly data: unknown } | undefined): Float32Array => value!.data as Float32Array;

describe('statisticalTopK as a graph', () => {
  it('gives what the reference gives, to 1e-5', async () => {
    const [D, k] = [1024, 82];
    const rows = [normals(D, 1), normals(D, 2), laplaces(D, 3)];
    const data = Float32Array.from(rows.flatMap((row) => [...row]));
    const session = await openGraph(statisticalTopK(input('x', 'float32', ['R', D]), k));
    const answer = await session.run({ x: { type: 'float32', shape: [rows.length, D], data } }, [
      'threshold',
      'soft',
      'masked',
    ]);
    await session.release();
    const thresholds = rows.map((_, r) => statisticalThreshold(data.subarray(r * D, (r + 1) * D), k));
    assertAllClose(floats(answer['threshold']), thresholds, { atol: 1e-5 });
    const expected = Float64Array.from(data, (value, i) =>
      Math.max(value - thresholds[Math.floor(i / D)]!, 0),
    );
    assertAllClose(floats(answer['soft']), expected, { atol: 1e-5 });
    data.forEach((value, i) => {
      const isKept = value > thresholds[Math.floor(i / D)]!;
      expect(floats(answer['masked'])[i]).toBe(Math.fround(isKept ? value : -1e30));
    });
  });

  it('has the slope of its soft threshold, through mean and deviation too', async () => {
    const { computed, differences } = await checkedGradients({
      inputs: [{ lengths: [2, 20] }],
      make: ([x]) => statisticalTopK(x!, 5).soft,
    });
    assertAllClose(computed[0]!, differences[0]!, { atol: 1e-3 });
    expect(Math.max(...computed[0]!.map(Math.abs))).toBeGreaterThan(0.1);
  });

  it('gives equal elements no gradient but none that is no number', async () => {
    const { computed } = await checkedGradients({
      inputs: [{ lengths: [1, 8], between: [0.5, 0.5] }],
      make: ([x]) => statisticalTopK(x!, 2).soft,
    });
    for (const slope of computed[0]!) expect(Number.isFinite(slope)).toBe(true);
  });

  it('refuses a row whose length is not known, and a k that is not below it', () => {
    const row = (length: number | string): Value => input('x', 'float32', ['R', length]);
    expect(() => statisticalTopK(row('D'), 2)).toThrow(RangeError);
    expect(() => statisticalTopK(row(8), 8)).toThrow(RangeError);
    expect(() => statisticalTopK(row(8), Number.NaN)).toThrow(RangeError);
  });
});
