/** Fits the curve from cosines to probabilities of relevance. */
import type { Calibration } from '../readout/parameters.ts';

/** A cosine and whether the document was judged relevant. */
export interface CalibrationSample {
  /** Largest cosine of query and document, in [-1, 1]. */
  readonly cosine: number;
  /** Whether the document was judged relevant. */
  readonly isRelevant: boolean;
}

const maxSteps = 100;
/** Keeps the curve finite where one cosine parts the classes: a weak pull of the slope towards 0. */
const ridge = 1e-6;

/**
 * Logistic regression by Newton's method (Platt 1999), both classes weighing the same, so that a probability of one
 * half separates them, whatever their sizes.
 *
 * @throws RangeError when one of the classes has no sample.
 */
export function fitCalibration(samples: readonly CalibrationSample[]): Calibration {
  const relevant = samples.filter(({ isRelevant }) => isRelevant).length;
  if (relevant === 0 || relevant === samples.length) {
    throw new RangeError(
      `fitCalibration: expected relevant and other documents, got ${relevant} of ${samples.length} relevant.`,
    );
  }
  let curve: Calibration = { slope: 0, intercept: 0 };
  for (let step = 0; step < maxSteps; step += 1) {
    const next = newtonStep(curve, samples, relevant);
    const change = Math.abs(next.slope - curve.slope) + Math.abs(next.intercept - curve.intercept);
    curve = next;
    if (change < 1e-9) break;
  }
  return curve;
}

/** One step from the gradient and the 2x2 Hessian of the weighted log-likelihood. */
function newtonStep(
  { slope, intercept }: Calibration,
  samples: readonly CalibrationSample[],
  relevant: number,
): Calibration {
  let [gradientSlope, gradientIntercept] = [-ridge * slope, 0];
  let [slopeSlope, slopeIntercept, interceptIntercept] = [ridge, 0, 0];
  for (const { cosine, isRelevant } of samples) {
    const weight = 0.5 / (isRelevant ? relevant : samples.length - relevant);
    const p = 1 / (1 + Math.exp(-(slope * cosine + intercept)));
    const residual = weight * ((isRelevant ? 1 : 0) - p);
    const curvature = weight * p * (1 - p);
    gradientSlope += residual * cosine;
    gradientIntercept += residual;
    slopeSlope += curvature * cosine * cosine;
    slopeIntercept += curvature * cosine;
    interceptIntercept += curvature;
  }
  const determinant = slopeSlope * interceptIntercept - slopeIntercept ** 2;
  return {
    slope: slope + (interceptIntercept * gradientSlope - slopeIntercept * gradientIntercept) / determinant,
    intercept: intercept + (slopeSlope * gradientIntercept - slopeIntercept * gradientSlope) / determinant,
  };
}
