import { describe, expect, it } from 'vitest';
import {
  clipGradients,
  createOptimiser,
  globalNorm,
  learningRate,
  optimiserSchema,
  scheduleSchema,
  seededRandom,
} from '../../../../engine/laboratory.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';

const random = seededRandom(1);
const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => 2 * random() - 1);

const tinyTensors = () =>
  new Map([
    ['matrix', { shape: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => i / 6 - 1) }],
    ['vector', { shape: [5], data: Float32Array.from({ length: 5 }, (_, i) => i / 3) }],
    ['scalar', { shape: [], data: Float32Array.of(0.7) }],
  ]);
const gradients = Array.from(
  { length: 60 },
  () =>
    new Map([
      ['matrix', numbers(12)],
      ['vector', numbers(5)],
      ['scalar', numbers(1)],
    ]),
);

describe('AdamW', () => {
  it('is the algorithm as written, in float64, one number at a time', () => {
    const tensors = tinyTensors();
    const optimiser = createOptimiser(optimiserSchema.parse({ kind: 'adamw', weightDecay: 0.1 }), tensors, {
      vector: 0.5,
    });
    const expected = [...tinyTensors()].map(([name, { shape, data }]) => ({
      name,
      decay: shape.length === 2 ? 0.1 : 0,
      rate: name === 'vector' ? 0.005 : 0.01,
      x: Array.from(data),
      m: Array.from(data, () => 0),
      v: Array.from(data, () => 0),
    }));
    for (const [t, each] of gradients.entries()) {
      optimiser.step(each, 0.01);
      for (const { name, decay, rate, x, m, v } of expected) {
        each.get(name)!.forEach((g, i) => {
          m[i] = 0.9 * m[i]! + 0.1 * g;
          v[i] = 0.999 * v[i]! + 0.001 * g * g;
          const step = m[i]! / (1 - 0.9 ** (t + 1)) / (Math.sqrt(v[i]! / (1 - 0.999 ** (t + 1))) + 1e-8);
          x[i] = x[i]! - rate * step - rate * decay * x[i]!;
        });
      }
    }
    for (const { name, x } of expected) {
      assertAllClose(tensors.get(name)!.data, Float32Array.from(x), { rtol: 1e-4, atol: 1e-5 });
    }
  });
});

describe.each(['adamw', 'one-sided-shampoo'])('createOptimiser of %s', (kind) => {
  const settings = optimiserSchema.parse({ kind, weightDecay: 0.01 });

  it('goes on bit by bit from a state that was written down', () => {
    const whole = tinyTensors();
    const first = createOptimiser(settings, whole);
    for (const each of gradients.slice(0, 23)) first.step(each, 0.01);
    const copy = <T extends { readonly data: Float32Array }>(map: ReadonlyMap<string, T>) =>
      new Map([...map].map(([name, each]) => [name, { ...each, data: each.data.slice() }]));
    const [tensors, state] = [copy(whole), copy(first.state)];
    const second = createOptimiser(settings, tensors);
    second.restore(state);
    for (const each of gradients.slice(23)) {
      first.step(each, 0.01);
      second.step(each, 0.01);
    }
    expect(tensors).toEqual(whole);
    expect(second.state).toEqual(first.state);
  });

  it('refuses gradients that are missing, of another length, or not finite, and changes nothing', () => {
    const tensors = tinyTensors();
    const optimiser = createOptimiser(settings, tensors);
    const wrong = (name: string, gradient: Float32Array) => new Map([...gradients[0]!, [name, gradient]]);
    expect(() => optimiser.step(new Map(), 1)).toThrow(/gradient of 12 numbers for "matrix", got none/);
    expect(() => optimiser.step(wrong('vector', numbers(4)), 1)).toThrow(/5 numbers for "vector", got 4/);
    expect(() => optimiser.step(wrong('scalar', Float32Array.of(Number.NaN)), 1)).toThrow(/"scalar"/);
    expect(() => optimiser.step(wrong('scalar', Float32Array.of(1e20)), 1)).toThrow(RangeError);
    expect(tensors).toEqual(tinyTensors());
    expect(optimiser.state).toEqual(createOptimiser(settings, tinyTensors()).state);
  });

  it('refuses the state of other tensors and names what differs', () => {
    const { state } = createOptimiser(settings, new Map([['matrix', { shape: [4, 3], data: numbers(12) }]]));
    expect(() => createOptimiser(settings, tinyTensors()).restore(state)).toThrow(/"matrix\.m".*"scalar\.v"/);
  });
});

describe('optimiserSchema', () => {
  it('fills in defaults, and names every wrong part', () => {
    expect(optimiserSchema.parse({ kind: 'adamw' })).toEqual({
      kind: 'adamw',
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: 0,
    });
    const { error } = optimiserSchema.safeParse({
      kind: 'one-sided-shampoo',
      beta1: 1,
      rootInterval: 0,
      side: 3,
    });
    expect(error?.issues.map(({ path, code }) => [path.join('.'), code])).toEqual([
      ['beta1', 'too_big'],
      ['rootInterval', 'too_small'],
      ['', 'unrecognized_keys'],
    ]);
  });
});

describe('clipGradients', () => {
  const long = new Map([
    ['a', Float32Array.of(3, 0)],
    ['b', Float32Array.of(-4)],
  ]);

  it('shortens all gradients together and keeps their direction', () => {
    const { gradients: clipped, norm } = clipGradients(long, 1);
    expect(norm).toBe(5);
    assertAllClose(clipped.get('a')!, Float32Array.of(0.6, 0));
    assertAllClose(clipped.get('b')!, Float32Array.of(-0.8));
    expect(globalNorm(long)).toBe(5);
  });

  it('leaves short gradients, and those of no finite length, as they are', () => {
    expect(clipGradients(long, 5).gradients).toBe(long);
    const broken = new Map([['a', Float32Array.of(Number.NaN)]]);
    expect(clipGradients(broken, 1)).toEqual({ gradients: broken, norm: Number.NaN });
    expect(() => clipGradients(long, 0)).toThrow(RangeError);
  });
});

describe('learningRate', () => {
  const rates = (changes: object): number[] => {
    const schedule = scheduleSchema.parse({ rate: 1, ...changes });
    return [0, 1, 2, 3, 4, 5, 6, 7, 100].map((step) => Number(learningRate(schedule, step, 7).toFixed(3)));
  };

  it('rises in a line, then stays or falls to its final share after the last step', () => {
    expect(rates({})).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1]);
    expect(rates({ warmUpSteps: 3 })).toEqual([0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1]);
    expect(rates({ warmUpSteps: 3, decay: 'linear' })).toEqual([0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0, 0]);
    // Half a cosine at 0, 1/4, 1/2 and 3/4 of its way.
    expect(rates({ warmUpSteps: 3, decay: 'cosine', finalShare: 0.1 })).toEqual([
      0.25, 0.5, 0.75, 1, 0.868, 0.55, 0.232, 0.1, 0.1,
    ]);
  });

  it('stays finite when the warm-up takes the whole run', () => {
    expect(rates({ warmUpSteps: 7, decay: 'linear' }).every((rate) => rate >= 0 && rate <= 1)).toBe(true);
  });
});
