/** Fusion of the model's logits with the first stage's scores. */
import type { FirstStage, FusionWeight, Ranking, RerankerInfo, ScoreStep, Shortlist } from '../contract.ts';
import { checkOptionNames, type OptionNames } from '../option-names.ts';
import { fusionFeatureNames, fusionFeatures } from './fusion-features.ts';
import { zScores } from './fusion-scores.ts';
import { predictedWeight } from './predicted-weight.ts';
import { withCandidates } from './ranking.ts';
import { isRead, unreadLogits } from './unread.ts';

/** Options of {@link fusion}. */
export interface FusionOptions {
  /**
   * The first stage's share, in [0, 1]: 0 is the model alone, 1 the first stage alone; or a rule that predicts each list's
   * share. @defaultValue 0.2
   */
  readonly weight?: FusionWeight | undefined;
  /** First stages that are fused; others pass through. @defaultValue `['lexical']` */
  readonly firstStages?: readonly FirstStage[];
}

const optionNames: OptionNames<FusionOptions> = {
  weight: true,
  firstStages: true,
};

/** The first stage's default share. Flat between .1 and .2 on six collections' samples; long and old texts want more. */
export const defaultFusionWeight = 0.2;

/**
 * A score step: `(1 - w) z(logit) + w z(first stage)` over the window, then softmax again.
 *
 * z of a constant list is 0; missing and non-finite scores count as the list's minimum; when all scores are missing,
 * the step does not fuse; z-scores are clipped at ±3. A list that is not fused keeps its logits. Candidates that were not
 * read in time keep their ranks, and count for no z-score.
 *
 * @throws RangeError when the weight is not in [0, 1], or a rule names an unknown feature or holds what is no number.
 * @throws ConfigurationError for an unknown option.
 */
export function fusion(options: FusionOptions = {}): (ranking: Ranking, shortlist: Shortlist) => Ranking {
  checkOptionNames('Cannot make the fusion', options, optionNames);
  const { weight = defaultFusionWeight, firstStages = ['lexical'] } = options;
  assertWeight(weight);
  return (ranking, shortlist) => {
    if (weight === 0 || !firstStages.includes(shortlist.firstStage)) return ranking;
    return fuse(ranking, shortlist, weightOf(weight, ranking, shortlist));
  };
}

/** The share of one list's first stage, in [0, 1]. */
function weightOf(weight: FusionWeight, ranking: Ranking, shortlist: Shortlist): number {
  return typeof weight === 'number'
    ? weight
    : predictedWeight(weight.predicted, fusionFeatures(ranking, shortlist));
}

function assertWeight(weight: FusionWeight): void {
  if (typeof weight === 'number') {
    if (weight >= 0 && weight <= 1) return;
    throw new RangeError(`fusion: expected a weight in [0, 1], got ${weight}.`);
  }
  const { bias, coefficients } = weight.predicted;
  const unknown = Object.keys(coefficients).find(
    (name) => !fusionFeatureNames.some((known) => known === name),
  );
  if (unknown !== undefined) {
    throw new RangeError(
      `fusion: expected features among ${fusionFeatureNames.join(', ')}, got "${unknown}".`,
    );
  }
  if ([bias, ...Object.values(coefficients)].every(Number.isFinite)) return;
  throw new RangeError(`fusion: expected a rule of finite numbers, got ${JSON.stringify(weight.predicted)}.`);
}

/** One number for those that know no rules: the weight itself, of a rule the default. */
export function fixedWeight(weight: FusionWeight): number {
  return typeof weight === 'number' ? weight : defaultFusionWeight;
}

/** The default steps of a reranker: fusion, at the share that its model was tuned with. */
export function defaultScoreSteps({
  fusionWeight,
  predictedFusionWeight: predicted,
}: RerankerInfo): readonly ScoreStep[] {
  return [fusion({ weight: predicted ? { predicted } : fusionWeight })];
}

function fuse(ranking: Ranking, shortlist: Shortlist, weight: number): Ranking {
  const read = ranking.candidates.filter(isRead);
  const firstStage = zScores(
    read.map(({ index }) => shortlist.candidates[index]?.firstStageScore ?? Number.NaN),
  );
  if (!firstStage) return ranking;
  const model = zScores(read.map(({ logit }) => logit)) ?? firstStage;
  const logits = read.map((_, i) => (1 - weight) * model[i]! + weight * firstStage[i]!);
  const fused = read.map((candidate, i) => ({ ...candidate, logit: logits[i]! }));
  const unread = ranking.candidates.filter((candidate) => !isRead(candidate));
  const between = unreadLogits(
    unread.map(({ index }) => index),
    fused,
  );
  const kept = unread.map((candidate, i) => ({ ...candidate, logit: between[i]! }));
  return withCandidates(ranking, [...fused, ...kept]);
}
