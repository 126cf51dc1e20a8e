import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import {
  createOptimiser,
  type OneSidedShampooSettings,
  optimiserSchema,
  seededRandom,
} from '../../../../engine/laboratory.ts';
import { inverseRoot } from '../../../../engine/training/optimisers/inverse-root.ts';
import { isRootStep } from '../../../../engine/training/optimisers/one-sided-shampoo.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import {
  type AdaGradStep,
  diagonalAdaGrad,
  fullMatrixAdaGrad,
} from '../../../support/oracles/adagrad-family.ts';

/** The paper's own form: sums, no averages, Shampoo's own length, a root at each step. */
const plain = settings({ statistics: 'sum', grafting: 'none', beta1: 0, rootInterval: 1 });

function settings(changes: Partial<OneSidedShampooSettings> = {}): OneSidedShampooSettings {
  return optimiserSchema.parse({ kind: 'one-sided-shampoo', ...changes }) as OneSidedShampooSettings;
}

/** Numbers of a normal distribution (Box and Muller). */
function normal(count: number, random: () => number): Float64Array {
  return Float64Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return radius * Math.cos(2 * Math.PI * random());
  });
}

const side = 8;
const size = side * side;

/** `f(X) = ⟨H, (X - X*)(X - X*)ᵀ⟩`, `H` with eigenvalues `1/i²` in a random basis. Source: arXiv:2503.10537, experiments. */
function leastSquares(seed: number) {
  const random = seededRandom(seed);
  const noise = Matrix.from1DArray(side, side, normal(size, random));
  const basis = new EigenvalueDecomposition(noise.mmulByTranspose(), { assumeSymmetric: true })
    .eigenvectorMatrix;
  const H = basis.mmulByTranspose(Array.from({ length: side }, (_, i) => 1 / (i + 1) ** 2));
  const goal = normal(size, random);
  const away = (x: ArrayLike<number>): Matrix =>
    Matrix.from1DArray(
      side,
      side,
      Array.from(goal, (value, i) => x[i]! - value),
    );
  return {
    gradient: (x: ArrayLike<number>): number[] => H.mmul(away(x)).mul(2).to1DArray(),
    loss: (x: ArrayLike<number>): number => H.mmul(away(x)).mul(away(x)).sum(),
  };
}

const rates = Array.from({ length: 11 }, (_, k) => 2 ** (k - 6));
const seeds = [0, 1, 2];

/** Loss after 50 steps from 0 at the best learning rate of one grid. */
function bestLoss(
  seed: number,
  run: (problem: ReturnType<typeof leastSquares>, rate: number) => ArrayLike<number>,
) {
  const problem = leastSquares(seed);
  return Math.min(...rates.map((rate) => problem.loss(run(problem, rate))));
}

const runAdaGrad =
  (create: (size: number) => AdaGradStep) =>
  (problem: ReturnType<typeof leastSquares>, rate: number): Float64Array => {
    const [x, step] = [new Float64Array(size), create(size)];
    for (let t = 0; t < 50; t += 1) step(x, problem.gradient(x), rate);
    return x;
  };

function runShampoo(problem: ReturnType<typeof leastSquares>, rate: number): Float32Array {
  const data = new Float32Array(size);
  const optimiser = createOptimiser(plain, new Map([['x', { shape: [side, side], data }]]));
  for (let t = 0; t < 50; t += 1) {
    optimiser.step(new Map([['x', Float32Array.from(problem.gradient(data))]]), rate);
  }
  return data;
}

describe('one-sided Shampoo', () => {
  it.each(seeds)(
    'ends a thousandth below full-matrix and diagonal AdaGrad on least squares, seed %i',
    (seed) => {
      const loss = bestLoss(seed, runShampoo);
      expect(loss).toBeLessThan(1e-3 * bestLoss(seed, runAdaGrad(fullMatrixAdaGrad)));
      expect(loss).toBeLessThan(1e-3 * bestLoss(seed, runAdaGrad(diagonalAdaGrad)));
    },
  );

  it('takes less than half of the time of full-matrix AdaGrad a step', () => {
    const problem = leastSquares(0);
    const timeOf = (run: () => unknown): number => {
      const began = performance.now();
      run();
      return performance.now() - began;
    };
    runShampoo(problem, 1);
    const shampoo = Math.min(...seeds.map(() => timeOf(() => runShampoo(problem, 1))));
    const full = Math.min(...seeds.map(() => timeOf(() => runAdaGrad(fullMatrixAdaGrad)(problem, 1))));
    expect(shampoo).toBeLessThan(full / 2);
  });

  it('keeps d² numbers of the smaller side, where a full matrix takes (r·c)²', () => {
    const shapes = { square: [8, 8], table: [3000, 8], wide: [4, 9] } as const;
    const tensors = Object.entries(shapes).map(
      ([name, shape]) => [name, { shape, data: new Float32Array(shape[0] * shape[1]) }] as const,
    );
    const { state } = createOptimiser(plain, new Map(tensors));
    expect([...state].map(([name, { data }]) => [name, data.length])).toEqual([
      ['steps', 1],
      ['square.statistics', 64],
      ['table.statistics', 64],
      ['wide.statistics', 16],
    ]);
  });

  it.each([plain, settings({ beta1: 0.9, grafting: 'none' })])(
    'takes the same steps in any unit of the gradients',
    (each) => {
      const walk = (unit: number): Float32Array => {
        const random = seededRandom(4);
        const data = new Float32Array(12);
        const optimiser = createOptimiser(each, new Map([['x', { shape: [3, 4], data }]]));
        for (let t = 0; t < 30; t += 1) {
          optimiser.step(
            new Map([['x', Float32Array.from(normal(12, random), (value) => unit * value)]]),
            0.1,
          );
        }
        return data;
      };
      assertAllClose(walk(1e-6), walk(1), { rtol: 1e-4, atol: 1e-5 });
      assertAllClose(walk(1e6), walk(1), { rtol: 1e-4, atol: 1e-5 });
    },
  );

  it('treats a tall matrix as the transpose of a wide one', () => {
    const random = seededRandom(5);
    const [wide, tall] = [new Float32Array(15), new Float32Array(15)];
    const tensors = { wide: { shape: [3, 5], data: wide }, tall: { shape: [5, 3], data: tall } };
    const optimiser = createOptimiser(settings(), new Map(Object.entries(tensors)));
    for (let t = 0; t < 25; t += 1) {
      const gradient = Float32Array.from(normal(15, random));
      const turned = Float32Array.from(gradient, (_, i) => gradient[(i % 3) * 5 + Math.floor(i / 3)]!);
      optimiser.step(
        new Map([
          ['wide', gradient],
          ['tall', turned],
        ]),
        0.1,
      );
    }
    assertAllClose(
      Float32Array.from(tall, (_, i) => tall[(i % 5) * 3 + Math.floor(i / 5)]!),
      wide,
      { rtol: 1e-4 },
    );
  });

  it('moves as far as AdamW when grafted, and elsewhere than AdamW', () => {
    const random = seededRandom(6);
    const [shampoo, adamW] = [new Float32Array(20), new Float32Array(20)];
    const ours = createOptimiser(settings(), new Map([['x', { shape: [4, 5], data: shampoo }]]));
    const theirs = createOptimiser(
      optimiserSchema.parse({ kind: 'adamw' }),
      new Map([['x', { shape: [4, 5], data: adamW }]]),
    );
    for (let t = 0; t < 30; t += 1) {
      const gradients = new Map([['x', Float32Array.from(normal(20, random))]]);
      const before = [shampoo.slice(), adamW.slice()];
      ours.step(gradients, 0.1);
      theirs.step(gradients, 0.1);
      const [far, asFar] = [shampoo, adamW].map((now, i) =>
        Math.hypot(...now.map((x, j) => x - before[i]![j]!)),
      );
      expect(far! / asFar!).toBeCloseTo(1, 4);
    }
    expect(Math.hypot(...shampoo.map((x, i) => x - adamW[i]!))).toBeGreaterThan(0.1);
  });

  it('leaves vectors, stacks and matrices of two long sides to AdamW', () => {
    const tensors = new Map(
      [[], [7], [2, 2, 2], [5, 6]].map((shape, i) => [
        `t${i}`,
        { shape, data: new Float32Array(shape.reduce((product, length) => product * length, 1)) },
      ]),
    );
    const { state } = createOptimiser(settings({ maxSide: 4 }), tensors);
    expect([...state.keys()].slice(1)).toEqual(
      ['t0', 't1', 't2', 't3'].flatMap((name) => [`${name}.m`, `${name}.v`]),
    );
  });

  it('stays finite on gradients of one rank, of none, and after the rank grows between two roots', () => {
    const data = new Float32Array(36);
    const optimiser = createOptimiser(
      settings({ rootInterval: 8 }),
      new Map([['x', { shape: [6, 6], data }]]),
    );
    const gradients = [
      () => new Float32Array(36),
      () => Float32Array.from({ length: 36 }, (_, i) => (i < 6 ? 1 : 0)),
      () => Float32Array.from(normal(36, seededRandom(7))),
    ];
    for (let t = 0; t < 30; t += 1) optimiser.step(new Map([['x', gradients[Math.min(2, t >> 2)]!()]]), 0.1);
    expect(data.every(Number.isFinite)).toBe(true);
    // Thirty steps of Adam's length, each at most the rate a number, give or take the start of the averages.
    expect(Math.hypot(...data)).toBeLessThan(30 * 0.1 * Math.sqrt(36) * 4);
  });

  it('takes its roots at the powers of two first, then at each interval', () => {
    const steps = Array.from({ length: 41 }, (_, i) => i + 1).filter((step) => isRootStep(step, 20));
    expect(steps).toEqual([1, 2, 4, 8, 16, 20, 40]);
    expect([1, 2, 3].every((step) => isRootStep(step, 1))).toBe(true);
  });
});

describe('inverseRoot', () => {
  it('inverts the square of a matrix of full rank', () => {
    const A = Matrix.from1DArray(3, 3, [2, 0.5, 0, 0.5, 1, 0.25, 0, 0.25, 3]);
    const root = inverseRoot(A, 1e-12);
    assertAllClose(
      Float64Array.from(root.mmul(A).mmul(root).to1DArray()),
      Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1),
      { atol: 1e-9 },
    );
  });

  it('stretches no direction beyond 1/√(ε·λ) when rank lacks or rounding went below 0', () => {
    const g = Matrix.columnVector([3, -1, 2, 0.5]);
    const rankOne = g.mmul(g.transpose());
    const rounded = rankOne.clone().sub(Matrix.eye(4).mul(1e-7));
    for (const L of [rankOne, rounded]) {
      const { realEigenvalues } = new EigenvalueDecomposition(inverseRoot(L, 1e-6), {
        assumeSymmetric: true,
      });
      const largest = 14.25;
      expect(Math.min(...realEigenvalues)).toBeGreaterThan(0);
      expect(Math.max(...realEigenvalues)).toBeLessThan(1.001 / Math.sqrt(1e-6 * largest));
    }
    // Along the gradient itself the step is of length 1: ε does not matter there.
    expect(inverseRoot(rankOne, 1e-6).mmul(g).norm()).toBeCloseTo(1, 4);
  });

  it('is zero for a matrix of zeros', () => {
    expect(inverseRoot(Matrix.zeros(3, 3), 1e-6).to1DArray()).toEqual(new Array(9).fill(0));
  });
});
