/** A fusion weight that is predicted for each list from its features. */
import type { PredictedFusionWeight } from '../contract.ts';
import { type FusionFeatures, fusionFeatureNames } from './fusion-features.ts';

/** No list's first stage has a larger share: a rule fitted to a few lists must not switch the model off. */
export const maxPredictedWeight = 0.5;

/** The weight of a list, in (0, {@link maxPredictedWeight}). */
export function predictedWeight(rule: PredictedFusionWeight, features: FusionFeatures): number {
  const sum = fusionFeatureNames.reduce(
    (total, name) => total + (rule.coefficients[name] ?? 0) * features[name],
    rule.bias,
  );
  return maxPredictedWeight / (1 + Math.exp(-sum));
}

/** The rule that gives every list the same weight, in (0, {@link maxPredictedWeight}): a start for fitting. */
export function constantWeight(weight: number): PredictedFusionWeight {
  return { bias: -Math.log(maxPredictedWeight / weight - 1), coefficients: {} };
}
