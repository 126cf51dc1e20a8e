/** Whether scores over a list are spread as a statistical threshold takes for granted. */
import { mean } from '../../engine/evaluation/measures.ts';
import { statisticalThreshold } from '../../engine/readout/statistical-top-k.ts';

/** How one list's scores are spread. */
export interface Shape {
  /** Third standardised moment: 0 of a normal distribution. */
  readonly skew: number;
  /** Fourth standardised moment less 3: 0 of a normal distribution, 3 of a Laplace one. */
  readonly excessKurtosis: number;
  /** How many lie above the threshold, as a share of those that were asked for, less 1. */
  readonly keptDeviation: number;
}

/** @param keep - Share of the scores that the threshold is to leave above it. */
export function shapeOf(scores: readonly number[], keep: number): Shape {
  const centre = mean(scores);
  const moment = (power: number): number => mean(scores.map((score) => (score - centre) ** power));
  const deviation = Math.sqrt(moment(2));
  const k = Math.ceil(keep * scores.length);
  const threshold = statisticalThreshold(scores, k);
  return {
    skew: moment(3) / deviation ** 3,
    excessKurtosis: moment(4) / deviation ** 4 - 3,
    keptDeviation: scores.filter((score) => score > threshold).length / k - 1,
  };
}
