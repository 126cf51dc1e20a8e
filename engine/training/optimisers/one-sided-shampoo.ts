/** One-sided Shampoo's rule for one matrix. */
import { Matrix } from 'ml-matrix';
import type { TrainedTensor } from '../trainer/trainee.ts';
import { adamWRule } from './adamw.ts';
import { inverseRoot } from './inverse-root.ts';
import type { OneSidedShampooSettings } from './settings.ts';
import { biasCorrection, moveAverage, type TensorRule, zeros } from './tensor-rule.ts';

/** Whether one-sided Shampoo moves a tensor of this shape: a matrix, one of whose sides is short enough for a root. */
export function isPreconditioned(
  shape: readonly number[],
  { maxSide }: { readonly maxSide: number },
): boolean {
  return shape.length === 2 && Math.min(...shape) >= 1 && Math.min(...shape) <= maxSide;
}

/**
 * Whether the inverse root is taken anew: every `interval` steps, and before that at steps 1, 2, 4, 8 and so on, because
 * the first products say little about those to come.
 */
export function isRootStep(step: number, interval: number): boolean {
  return step % interval === 0 || (step < interval && Number.isInteger(Math.log2(step)));
}

/**
 * The direction `(L + ελI)^(-1/2) G` of a gradient `G` of shape `[r, c]`, where `L` sums or averages `G Gᵀ` over the steps;
 * `G (L + ελI)^(-1/2)` with `L` of `Gᵀ G` where the columns are fewer. With an average of gradients (`beta1` > 0) that
 * average stands for `G` in the direction, not in `L`. Grafted, the direction has the length of AdamW's.
 *
 * State, with `d` the smaller of `r` and `c`: `statistics` `[d, d]`; `root` `[d, d]` where it is kept for several steps;
 * `m` and `v` `[r, c]` where grafted, `m` alone where gradients are averaged.
 *
 * Source: arXiv:2503.10537, one-sided Shampoo and its averaged variant. The paper adds `εI`; here `ε` is a share of the
 * largest eigenvalue (see `inverseRoot`). Grafting: arXiv:2002.11803.
 */
export function oneSidedShampooRule(tensor: TrainedTensor, settings: OneSidedShampooSettings): TensorRule {
  const [rows = 0, columns = 0] = tensor.shape;
  const side = Math.min(rows, columns);
  const step = tensorSteps(tensor, settings);
  const statistics = zeros([side, side]);
  const root = settings.rootInterval > 1 ? zeros([side, side]) : undefined;
  const rootAt = (at: number): Matrix => {
    if (root && !isRootStep(at, settings.rootInterval)) return Matrix.from1DArray(side, side, root.data);
    const fresh = inverseRoot(statisticsAt(statistics, settings, at), settings.statisticsEpsilon);
    root?.data.set(fresh.to1DArray());
    return fresh;
  };
  return {
    state: { ...step.state, statistics, ...(root && { root }) },
    direction(gradient, at) {
      const G = Matrix.from1DArray(rows, columns, gradient);
      addProducts(statistics.data, rows <= columns ? G.mmulByTranspose() : G.gram(), settings);
      const { mean, length } = step.take(gradient, at);
      const M = Matrix.from1DArray(rows, columns, mean);
      const turned = (rows <= columns ? rootAt(at).mmul(M) : M.mmul(rootAt(at))).to1DArray();
      return ofLength(Float32Array.from(turned), length);
    },
  };
}

/** What is preconditioned, and how long the result is to be. */
interface PlainStep {
  readonly mean: Float32Array;
  /** A direction whose length is taken, or the rule's own length. */
  readonly length: Float32Array | undefined;
}

/** The part of a step that knows no `L`: averages of gradients, and AdamW's step. */
function tensorSteps(
  tensor: TrainedTensor,
  { beta1, beta2, epsilon, grafting }: OneSidedShampooSettings,
): { readonly state: TensorRule['state']; take(gradient: Float32Array, step: number): PlainStep } {
  if (grafting === 'adamw') {
    const adamW = adamWRule(tensor, { beta1, beta2, epsilon });
    return {
      state: adamW.state,
      take(gradient, step) {
        const length = adamW.direction(gradient, step);
        return { mean: adamW.state['m']!.data, length };
      },
    };
  }
  if (beta1 === 0) return { state: {}, take: (mean) => ({ mean, length: undefined }) };
  const m = zeros(tensor.shape);
  return {
    state: { m },
    take(gradient, step) {
      moveAverage(m.data, beta1, (i) => gradient[i]!);
      return { mean: m.data.map((each) => each / biasCorrection(beta1, step)), length: undefined };
    },
  };
}

function addProducts(
  statistics: Float32Array,
  products: Matrix,
  { statistics: kind, statisticsBeta }: OneSidedShampooSettings,
): void {
  const added = products.to1DArray();
  if (kind === 'average') moveAverage(statistics, statisticsBeta, (i) => added[i]!);
  else for (let i = 0; i < statistics.length; i += 1) statistics[i]! += added[i]!;
}

/** `L` as a matrix, an average corrected for its start at 0. */
function statisticsAt(
  { shape: [side = 0], data }: TrainedTensor,
  { statistics, statisticsBeta }: OneSidedShampooSettings,
  step: number,
): Matrix {
  if (!data.every(Number.isFinite)) {
    throw new RangeError('oneSidedShampoo: the gradients summed up so far exceed float32; clip them.');
  }
  const correction = statistics === 'average' ? biasCorrection(statisticsBeta, step) : 1;
  return Matrix.from1DArray(side, side, data).div(correction);
}

/** A direction as long as another; the other one where it has no length of its own. */
function ofLength(direction: Float32Array, other: Float32Array | undefined): Float32Array {
  if (!other) return direction;
  const own = lengthOf(direction);
  if (own === 0) return other;
  const factor = lengthOf(other) / own;
  return direction.map((value) => value * factor);
}

const lengthOf = (values: Float32Array): number =>
  Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
