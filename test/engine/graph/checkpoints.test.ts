import { describe, expect, it } from 'vitest';
import { toPrimitives } from '../../../engine/graph/decompositions/decompositions.ts';
import { gradientsOf } from '../../../engine/graph/gradients/gradients-of.ts';
import { liveBytes } from '../../../engine/graph/live-bytes.ts';
import * as g from '../../../engine/graph/operations/index.ts';
import { operationsInOrder } from '../../../engine/graph/order.ts';
import { constant, input, type Value } from '../../../engine/graph/value.ts';
import { openGraph, spread } from '../../support/checks/gradient-check.ts';

const W = 8;
const layers = 12;
const x = input('x', 'float32', ['N', W]);
const weights = Array.from({ length: layers }, (_, i) => input(`w${i}`, 'float32', [W, W]));
const shared = g.sigmoid(input('bias', 'float32', [W]));

/** Layers that each read what the one before gave, and something that all of them read. */
function network(): { readonly loss: Value; readonly between: readonly Value[] } {
  const between: Value[] = [];
  let y = g.add(x, constant(new Float32Array(W), [W]));
  for (const each of weights) {
    between.push(y);
    const inner = g.gelu(g.add(g.linear(y, each), shared));
    const normed = g.rmsNormalisation(g.add(y, inner), constant(new Float32Array(W).fill(1), [W]), 1e-5);
    y = g.add(y, normed);
  }
  const [loss, ...kept] = toPrimitives([g.sumOver(g.multiply(y, y), [0, 1], { keeps: false }), ...between]);
  return { loss: loss!, between: kept };
}

async function numbersOf(gradients: readonly Value[]): Promise<number[]> {
  const session = await openGraph(Object.fromEntries(gradients.map((value, i) => [`d${i}`, value])));
  const fed = Object.fromEntries(
    [['x', [5, W]], ['bias', [W]], ...weights.map((_, i) => [`w${i}`, [W, W]])].map((entry, i) => {
      const [name, shape] = entry as [string, number[]];
      const data = spread(shape.reduce((all, n) => all * n, 1)).map((value) => value * (1 + i / 20));
      return [name, { type: 'float32', shape, data } as const];
    }),
  );
  const names = gradients.map((_, i) => `d${i}`);
  const answer = await session.run(fed, names);
  await session.release();
  return names.flatMap((name) => [...(answer[name]!.data as Float32Array)]);
}

describe('gradientsOf with kept values', () => {
  const wanted = [...weights.toReversed(), input('bias', 'float32', [W]), x];

  it('gives the same gradients, bit for bit', async () => {
    const { loss, between } = network();
    const plain = await numbersOf(gradientsOf(loss, wanted));
    const kept = between.filter((_, i) => i % 3 === 0);
    expect(await numbersOf(gradientsOf(loss, wanted, { kept }))).toEqual(plain);
    expect(plain.every((value) => Number.isFinite(value) && value !== 0)).toBe(true);
  });

  it('holds what is kept and one segment, instead of everything', () => {
    const { loss, between } = network();
    const bytes = (kept: readonly Value[]): number =>
      liveBytes([loss, ...gradientsOf(loss, wanted, { kept })], { N: 1000 });
    const [all, threes, each] = [bytes([]), bytes(between.filter((_, i) => i % 3 === 0)), bytes(between)];
    // Twelve layers of about nine results; kept are four of twelve layers' inputs, and the results of three layers.
    expect(threes).toBeLessThan(0.5 * all);
    // Kept are twelve inputs, and the results of one layer.
    expect(each).toBeLessThan(0.4 * all);
  });

  it('computes each segment again but the first and the last, and nothing when nothing is kept', () => {
    const { loss, between } = network();
    const gelus = (kept: readonly Value[]): number =>
      operationsInOrder([loss, ...gradientsOf(loss, wanted, { kept })]).filter(({ type }) => type === 'Gelu')
        .length;
    expect(gelus([])).toBe(layers);
    // No GELU stands before the first layer; the last layer is the last segment.
    expect(gelus(between)).toBe(2 * layers - 1);
    expect(gelus(between.slice(6, 7))).toBe(layers);
    expect(gelus([between[4]!, between[8]!])).toBe(layers + 4);
  });
});
