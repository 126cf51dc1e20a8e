/** Logistic regression over named features. */
import { Matrix, solve } from 'ml-matrix';
import { mean } from '../evaluation/measures.ts';
import type { LogisticRule } from '../scores/relevance.ts';

/** One labelled sample. */
export interface LogisticSample {
  /** Finite numbers by name; every sample has the same names. */
  readonly features: Readonly<Record<string, number>>;
  /** What is to be predicted. */
  readonly label: boolean;
  /** How often the sample counts, above 0. @defaultValue 1 */
  readonly weight?: number;
}

/** Options of {@link fitLogistic}. */
export interface LogisticOptions {
  /** The rule that the coefficients are pulled towards. @defaultValue coefficients of 0 */
  readonly prior?: LogisticRule | undefined;
  /**
   * Strength of the pull, in samples' weight: with so many samples, data and prior speak with about the same voice.
   * @defaultValue 1
   */
  readonly ridge?: number;
}

const maxSteps = 100;

/**
 * Fits log-odds by Newton's method with a quadratic penalty on the distance of the coefficients from the prior's, features
 * scaled to a deviation of 1. The bias is not penalised.
 *
 * @throws RangeError when one of the classes has no sample, or a feature is no finite number.
 *
 * Source: the iteratively reweighted least squares of logistic regression (McCullagh and Nelder 1989); the prior of Platt
 * 1999 in spirit.
 */
export function fitLogistic(
  samples: readonly LogisticSample[],
  { prior, ridge = 1 }: LogisticOptions = {},
): LogisticRule {
  assertSamples(samples);
  const names = Object.keys(samples[0]!.features);
  const scales = names.map((name) => scaleOf(samples.map(({ features }) => features[name]!)));
  const rows = samples.map(({ features }) => [
    1,
    ...names.map((name, k) => (features[name]! - scales[k]!.centre) / scales[k]!.deviation),
  ]);
  const pulled = [0, ...names.map((name, k) => (prior?.coefficients[name] ?? 0) * scales[k]!.deviation)];
  const weights = samples.map(({ weight = 1 }) => weight);
  const labels = samples.map(({ label }) => Number(label));
  let scaled = [...pulled];
  for (let step = 0; step < maxSteps; step += 1) {
    const change = newtonStep({ rows, labels, weights, pulled, ridge }, scaled);
    scaled = scaled.map((value, k) => value + change[k]!);
    if (Math.max(...change.map(Math.abs)) < 1e-9) break;
  }
  const coefficients = names.map((_, k) => scaled[k + 1]! / scales[k]!.deviation);
  const shift = coefficients.reduce((sum, value, k) => sum + value * scales[k]!.centre, 0);
  return {
    bias: scaled[0]! - shift,
    coefficients: Object.fromEntries(names.map((name, k) => [name, coefficients[k]!])),
  };
}

function assertSamples(samples: readonly LogisticSample[]): void {
  const positive = samples.filter(({ label }) => label).length;
  if (positive === 0 || positive === samples.length) {
    throw new RangeError(
      `fitLogistic: expected samples of both classes, got ${positive} of ${samples.length} positive.`,
    );
  }
  for (const { features } of samples) {
    for (const [name, value] of Object.entries(features)) {
      if (!Number.isFinite(value)) {
        throw new RangeError(`fitLogistic: expected finite features, got ${name} ${value}.`);
      }
    }
  }
}

function scaleOf(values: readonly number[]): { centre: number; deviation: number } {
  const centre = mean(values);
  const deviation = Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
  // A constant feature says nothing: the penalty keeps its coefficient where it is.
  return { centre, deviation: deviation > 1e-12 ? deviation : 1 };
}

interface Problem {
  readonly rows: readonly (readonly number[])[];
  readonly labels: readonly number[];
  readonly weights: readonly number[];
  readonly pulled: readonly number[];
  readonly ridge: number;
}

/** The step from the gradient and the Hessian of the penalised log-likelihood, halved where it would jump. */
function newtonStep({ rows, labels, weights, pulled, ridge }: Problem, at: readonly number[]): number[] {
  const width = at.length;
  const gradient = at.map((value, k) => (k === 0 ? 0 : ridge * (pulled[k]! - value)));
  const hessian = Matrix.zeros(width, width);
  rows.forEach((row, n) => {
    const p = 1 / (1 + Math.exp(-row.reduce((sum, value, k) => sum + value * at[k]!, 0)));
    const residual = weights[n]! * (labels[n]! - p);
    const curvature = weights[n]! * Math.max(1e-9, p * (1 - p));
    for (let a = 0; a < width; a += 1) {
      gradient[a]! += residual * row[a]!;
      for (let b = 0; b < width; b += 1) {
        hessian.set(a, b, hessian.get(a, b) + curvature * row[a]! * row[b]!);
      }
    }
  });
  for (let k = 1; k < width; k += 1) hessian.set(k, k, hessian.get(k, k) + ridge);
  const step = solve(hessian, Matrix.columnVector(gradient)).to1DArray();
  const longest = Math.max(...step.map(Math.abs));
  return longest > 4 ? step.map((value) => (4 * value) / longest) : step;
}
