/** Learns the weights of a continuous CRF from judged lists, and measures them on lists that it did not see. */
import { CholeskyDecomposition, inverse, Matrix } from 'ml-matrix';
import type { Ranking, Shortlist } from '../contract.ts';
import { type Measure, mean } from '../evaluation/measures.ts';
import { pairedTTest, standardError } from '../evaluation/significance.ts';
import {
  type CrfList,
  type CrfWeights,
  crfScores,
  degreesOf,
  precisionMatrix,
  unaryOf,
} from '../scores/continuous-crf.ts';
import { zScores } from '../scores/fusion-scores.ts';
import { withCandidates } from '../scores/ranking.ts';
import { toCrfList, toCrfWeights } from '../scores/smoothing.ts';
import { unreadLogits } from '../scores/unread.ts';
import { createOptimiser } from './optimisers/create-optimiser.ts';

/** A judged list, as the fit reads it. */
export interface SmoothingLesson {
  /** Unaries and edges. */
  readonly list: CrfList;
  /** Gain of each candidate, in shortlist order. */
  readonly gains: readonly number[];
  /** Gains of all judged documents, descending. */
  readonly ideal: readonly number[];
  /** What the scores are to come close to. @defaultValue the gains */
  readonly targets?: readonly number[] | undefined;
  /** The measure of the order that smoothing would replace. @defaultValue that of the unaries, fused as before */
  readonly before?: number | undefined;
}

/** Options of {@link fitSmoothing}. */
export interface SmoothingFitOptions {
  /** Measure that decides whether smoothing helps. */
  readonly measure: Measure;
  /** The first stage's share before, in (0, 1). @defaultValue 0.2 */
  readonly firstStageWeight?: number;
  /** Parts of cross-validation, at least 2. @defaultValue 5 */
  readonly folds?: number;
  /** Steps of the ascent. @defaultValue 80 */
  readonly steps?: number;
}

/** What was learnt, as the options of `smoothing`. */
export interface LearntSmoothing {
  /** Weight of an edge of similarity 1, beside unaries that sum to 1. */
  readonly edgeWeight: number;
  /** The first stage's share of the unaries. */
  readonly firstStageWeight: number;
}

/** Learnt weights and what they are worth. */
export interface SmoothingFit extends LearntSmoothing {
  /** Means on lists that were held out. */
  readonly heldOut: {
    /** The order that smoothing would replace. */
    readonly before: number;
    /** Without edges, at the learnt share. */
    readonly unaries: number;
    /** With edges. */
    readonly smoothed: number;
  };
  /** Mean gain of `smoothed` over `before`, and its standard error. */
  readonly gain: {
    /** Mean over lists. */
    readonly mean: number;
    /** Its standard error. */
    readonly error: number;
  };
  /** p-value of the paired t-test between them. */
  readonly p: number;
  /** Whether the gain is larger than two standard errors: otherwise smoothing stays off. */
  readonly isGain: boolean;
}

/** A lesson of one list. */
export function toSmoothingLesson(
  ranking: Ranking,
  shortlist: Shortlist,
  known: Omit<SmoothingLesson, 'list'> & { readonly edges: Float64Array },
): SmoothingLesson | undefined {
  const list = toCrfList(ranking, shortlist, known.edges);
  if (!list) return undefined;
  const { edges: _, ...rest } = known;
  return { list, ...rest };
}

/**
 * The ranking as if time had run out after the first candidates: the others keep their ranks. Masses of a model are of its whole list: a small
 * difference.
 */
export function firstRead(ranking: Ranking, count: number): Ranking {
  const read = ranking.candidates.filter(({ index }) => index < count);
  const unread = [...ranking.candidates.keys()].slice(read.length);
  const logits = unreadLogits(unread, read);
  const rest = unread.map((index, i) => ({ index, logit: logits[i]!, isRead: false as const }));
  return withCandidates(ranking, [...read, ...rest]);
}

/**
 * Learns the weights by maximum conditional likelihood, as exponentials of free numbers so that they stay above 0, and
 * measures them by cross-validation.
 *
 * A field without edges says `y = x`, while targets follow their unaries only in part: edges would be learnt for no more
 * than drawing all scores to the mean. So targets are stretched until their regression on the fused unaries has slope 1.
 *
 * @throws RangeError for fewer lessons than folds.
 */
export function fitSmoothing(
  lessons: readonly SmoothingLesson[],
  options: SmoothingFitOptions,
): SmoothingFit {
  const { folds = 5, measure, firstStageWeight = 0.2 } = options;
  if (folds < 2 || lessons.length < folds) {
    throw new RangeError(
      `fitSmoothing: expected 2 folds or more and as many lists, got ${folds} and ${lessons.length}.`,
    );
  }
  const before = { edgeWeight: 0, firstStageWeight };
  const values = { before: [] as number[], unaries: [] as number[], smoothed: [] as number[] };
  for (let fold = 0; fold < folds; fold += 1) {
    const learnt = learn(
      lessons.filter((_, i) => i % folds !== fold),
      options,
    );
    for (const lesson of lessons.filter((_, i) => i % folds === fold)) {
      values.before.push(lesson.before ?? measureSmoothed(lesson, before, measure));
      values.unaries.push(measureSmoothed(lesson, { ...learnt, edgeWeight: 0 }, measure));
      values.smoothed.push(measureSmoothed(lesson, learnt, measure));
    }
  }
  const gains = values.smoothed.map((value, i) => value - values.before[i]!);
  const gain = { mean: mean(gains), error: standardError(gains) };
  return {
    ...learn(lessons, options),
    heldOut: {
      before: mean(values.before),
      unaries: mean(values.unaries),
      smoothed: mean(values.smoothed),
    },
    gain,
    p: pairedTTest(gains),
    isGain: gain.mean > 2 * gain.error,
  };
}

/** The measure of a list in the order of its smoothed scores; equal scores keep shortlist order. */
export function measureSmoothed(
  { list, gains, ideal }: SmoothingLesson,
  learnt: LearntSmoothing,
  measure: Measure,
): number {
  const scores = crfScores(list, toCrfWeights(learnt));
  const order = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b);
  return measure.value(
    order.map((index) => gains[index]!),
    ideal,
  );
}

const logWeights = 'logWeights';
/** Lists of one step: each costs the inverse of a matrix. */
const listsPerStep = 32;

function learn(
  lessons: readonly SmoothingLesson[],
  { firstStageWeight = 0.2, steps = 80 }: SmoothingFitOptions,
): LearntSmoothing {
  const start = [1 - firstStageWeight, firstStageWeight, 0.05];
  const tensor = { shape: [start.length], data: Float32Array.from(start, Math.log) };
  const tensors = new Map([[logWeights, tensor]]);
  const optimiser = createOptimiser(
    { kind: 'adamw', beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0 },
    tensors,
  );
  const targets = stretchedTargets(lessons, firstStageWeight);
  for (let step = 0; step < steps; step += 1) {
    const [model = 0, firstStage = 0, edges = 0] = tensor.data.map(Math.exp);
    const weights = { unaries: [model, firstStage], edges };
    const ascent = [0, 0, 0];
    for (let j = 0; j < Math.min(listsPerStep, lessons.length); j += 1) {
      const at = (step * listsPerStep + j) % lessons.length;
      if (!targets[at]) continue;
      const { gradient } = crfLikelihood(lessons[at]!.list, weights, targets[at]);
      [...gradient.unaries, gradient.edges].forEach((each, k) => {
        ascent[k]! += each / listsPerStep;
      });
    }
    // Of the logarithm of a weight; the optimiser descends.
    const descent = Float32Array.from(ascent, (each, k) => -each * [model, firstStage, edges][k]!);
    optimiser.step(new Map([[logWeights, descent]]), 0.1);
  }
  const [model = 0, firstStage = 0, edges = 0] = tensor.data.map(Math.exp);
  const total = model + firstStage;
  return { edgeWeight: edges / total, firstStageWeight: firstStage / total };
}

/** Targets of each list, stretched alike; undefined where all are equal. */
function stretchedTargets(
  lessons: readonly SmoothingLesson[],
  firstStageWeight: number,
): (readonly number[] | undefined)[] {
  const weights = toCrfWeights({ edgeWeight: 0, firstStageWeight });
  const targets = lessons.map(({ gains, targets: given = gains }) =>
    new Set(given).size < 2 ? undefined : zScores(given, Number.POSITIVE_INFINITY),
  );
  let [products, squares] = [0, 0];
  for (const [k, { list }] of lessons.entries()) {
    crfScores(list, weights).forEach((score, i) => {
      products += score * (targets[k]?.[i] ?? 0);
      squares += targets[k] ? score * score : 0;
    });
  }
  // Unaries that say next to nothing of the targets would stretch them without bound.
  const slope = Math.max(0.05, products / Math.max(squares, Number.MIN_VALUE));
  return targets.map((values) => values?.map((value) => value / slope));
}

/** A likelihood and where it rises. */
export interface CrfLikelihood {
  /** The logarithm of `p(targets | unaries)`, less a constant. */
  readonly value: number;
  /** Its gradient by the weights. */
  readonly gradient: CrfWeights;
}

/** The likelihood of a list's targets, and its gradient. */
export function crfLikelihood(list: CrfList, weights: CrfWeights, targets: readonly number[]): CrfLikelihood {
  const unary = unaryOf(list, weights);
  const precision = precisionMatrix(list, unary, weights.edges);
  const covariance = inverse(precision);
  const scores = covariance.mmul(Matrix.columnVector([...unary.pulls])).to1DArray();
  const difference = Matrix.columnVector(targets.map((target, i) => target - scores[i]!));
  const distance = difference.transpose().mmul(precision).mmul(difference).get(0, 0);
  const alone = list.unaries.map((values) => {
    let sum = 0;
    for (const [i, value] of values.entries()) {
      if (Number.isNaN(value)) continue;
      // d/dα of ½ log det P - (yᵀPy - 2bᵀy + bᵀP⁻¹b).
      sum += covariance.get(i, i) / 2 - targets[i]! ** 2 + scores[i]! ** 2;
      sum += 2 * value * (targets[i]! - scores[i]!);
    }
    return sum;
  });
  const laplacian = laplacianForm(list.edges);
  return {
    value: logDeterminant(precision) / 2 - distance,
    gradient: {
      unaries: alone,
      edges: laplacian.trace(covariance) / 2 - laplacian.form(targets) + laplacian.form(scores),
    },
  };
}

/** Forms of `D - S`. */
function laplacianForm(edges: Float64Array): {
  trace(covariance: Matrix): number;
  form(values: readonly number[]): number;
} {
  const degrees = degreesOf(edges);
  const count = degrees.length;
  return {
    trace(covariance) {
      let sum = 0;
      for (let i = 0; i < count; i += 1) {
        sum += degrees[i]! * covariance.get(i, i);
        for (let j = 0; j < count; j += 1) sum -= edges[i * count + j]! * covariance.get(i, j);
      }
      return sum;
    },
    form(values) {
      let sum = 0;
      for (let i = 0; i < count; i += 1) {
        for (let j = 0; j < i; j += 1) sum += edges[i * count + j]! * (values[i]! - values[j]!) ** 2;
      }
      return sum;
    },
  };
}

/** Of a positive definite matrix. */
function logDeterminant(matrix: Matrix): number {
  const { lowerTriangularMatrix } = new CholeskyDecomposition(matrix);
  return 2 * lowerTriangularMatrix.diag().reduce((sum, value) => sum + Math.log(value), 0);
}
