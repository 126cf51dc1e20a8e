import { describe, expect, it } from 'vitest';
import { fitExit } from '../../../engine/training/fit/fit-exit.ts';
import { assertAllClose } from '../../support/checks/all-close.ts';
import { randomNumbers } from '../../support/tiny/tiny-states.ts';

const [N, F, W] = [200, 6, 3];
const next = randomNumbers(2);
const rows = (count: number): Float32Array => Float32Array.from({ length: count }, next);
const features = rows(N * F);
const projection = rows(W * F);
const bias = rows(W);
/** Anchors that depend on the features alone. */
const anchors = Float32Array.from({ length: N * W }, (_, at) => {
  const [n, w] = [Math.floor(at / W), at % W];
  let sum = bias[w]!;
  for (let f = 0; f < F; f += 1) sum += projection[w * F + f]! * features[n * F + f]!;
  return sum;
});

describe('fitExit', () => {
  it('finds the projection that made the anchors, where there is one', () => {
    const fitted = fitExit({ features, anchors, width: W }, 1e-9);
    assertAllClose(fitted.projection, projection, { atol: 1e-4 });
    assertAllClose(fitted.bias, bias, { atol: 1e-4 });
  });

  it('shrinks the projection by its penalty', () => {
    const length = (penalty: number): number =>
      Math.hypot(...fitExit({ features, anchors, width: W }, penalty).projection);
    expect(length(1)).toBeLessThan(0.7 * length(1e-9));
  });

  it('refuses features and anchors of unlike counts', () => {
    expect(() => fitExit({ features: rows(7), anchors: rows(2 * W), width: W })).toThrow(RangeError);
    expect(() => fitExit({ features: rows(0), anchors: rows(0), width: W })).toThrow(RangeError);
  });
});
