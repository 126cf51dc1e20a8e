import { describe, expect, it } from 'vitest';
import { input, type Value } from '../../../../engine/graph/value.ts';
import { layerCosine, loopRegularisation } from '../../../../engine/training/losses/loop-regularisation.ts';
import { gradientOf, trainingGraph } from '../../../../engine/training/training-graph.ts';
import { openGraph } from '../../../support/checks/gradient-check.ts';

const matrices = ['attention.self.query.weight', 'intermediate.dense.weight'];
const shape = [2, 3];
/** Numbers of layer `layer`'s matrix `m`: no two alike. */
const numbersOf = (layer: number, m: number): Float32Array =>
  Float32Array.from({ length: 6 }, (_, i) => Math.sin(1 + 3 * layer + 7 * m + i * (1 + layer)));

function network(layers: number): { parameters: Record<string, Value>; numbers: Map<string, Float32Array> } {
  const numbers = new Map<string, Float32Array>();
  for (let layer = 0; layer < layers; layer += 1) {
    for (const [m, matrix] of matrices.entries()) {
      numbers.set(`encoder.layer.${layer}.${matrix}`, numbersOf(layer, m));
    }
    // Norms and embeddings are no matrices of layers.
    numbers.set(`encoder.layer.${layer}.output.LayerNorm.weight`, Float32Array.of(1, -layer, 2));
  }
  const parameters = Object.fromEntries(
    [...numbers].map(([name, { length }]) => [name, input(name, 'float32', length === 6 ? shape : [3])]),
  );
  return { parameters, numbers };
}

const cosine = (a: Float32Array, b: Float32Array): number => {
  const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, each, i) => sum + each * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

describe('layerCosine', () => {
  it.each([1, 2])('is the mean of the matrices and of layers %i apart', async (distance) => {
    const { parameters, numbers } = network(4);
    const graph = { cosine: layerCosine(parameters, distance) };
    const session = await openGraph(graph);
    const used = [...numbers].filter(([name]) => session.inputs.has(name));
    expect(used).toHaveLength(8);
    const feeds = Object.fromEntries(
      used.map(([name, data]) => [name, { type: 'float32', shape, data } as const]),
    );
    const answer = await session.run(feeds, ['cosine']);
    await session.release();
    const wanted = matrices.map((_, m) => {
      const pairs = Array.from({ length: 4 - distance }, (_each, i) =>
        cosine(numbersOf(i, m), numbersOf(i + distance, m)),
      );
      return pairs.reduce((sum, each) => sum + each) / pairs.length;
    });
    expect(answer['cosine']!.data[0]).toBeCloseTo((wanted[0]! + wanted[1]!) / 2, 5);
  });

  it('refuses a distance that no two layers have', () => {
    expect(() => layerCosine(network(2).parameters, 2)).toThrow(RangeError);
    expect(() => layerCosine(network(2).parameters, 0)).toThrow(RangeError);
  });
});

describe('loopRegularisation', () => {
  it('is smaller the more alike layers are: a step along its gradient brings them together', async () => {
    const { parameters, numbers } = network(2);
    const trained = Object.fromEntries(
      Object.entries(parameters).filter(([, { shape }]) => shape.length === 2),
    );
    const likeness = layerCosine(trained, 1);
    const graph = trainingGraph({
      loss: loopRegularisation(likeness, { weight: 10 }),
      others: { likeness },
      parameters: trained,
    });
    const session = await openGraph(graph);
    const names = Object.keys(trained);
    const run = async () =>
      session.run(
        Object.fromEntries(
          names.map((name) => [name, { type: 'float32', shape, data: numbers.get(name)! } as const]),
        ),
        ['loss', 'likeness', ...names.map(gradientOf)],
      );
    const before = await run();
    expect(before['loss']!.data[0]).toBeCloseTo(10 * (1 - Number(before['likeness']!.data[0])), 4);
    for (let step = 0; step < 60; step += 1) {
      const answer = await run();
      for (const name of names) {
        const gradient = answer[gradientOf(name)]!.data as Float32Array;
        numbers.set(
          name,
          numbers.get(name)!.map((value, i) => value - 0.05 * gradient[i]!),
        );
      }
    }
    const after = await run();
    await session.release();
    expect(Number(before['likeness']!.data[0])).toBeLessThan(0.7);
    expect(Number(after['likeness']!.data[0])).toBeGreaterThan(0.95);
  });
});
