/** Fusion of the model's logits with the first stage's scores. */
import type { FirstStage, Ranking, RerankerInfo, ScoreStep, Shortlist } from '../contract.ts';
import { checkOptionNames, type OptionNames } from '../option-names.ts';
import { toRanking } from './ranking.ts';

/** Options of {@link fusion}. */
export interface FusionOptions {
  /** The first stage's share, in [0, 1]: 0 is the model alone, 1 the first stage alone. @defaultValue 0.2 */
  readonly weight?: number | undefined;
  /** First stages that are fused; others pass through. @defaultValue `['lexical']` */
  readonly firstStages?: readonly FirstStage[];
}

const optionNames: OptionNames<FusionOptions> = {
  weight: true,
  firstStages: true,
};

/** The first stage's default share. Flat between .1 and .2 on six collections' samples; long and old texts want more. */
export const defaultFusionWeight = 0.2;
/** Largest magnitude of a z-score, so that one absurd score cannot decide a list. */
const maxZ = 3;

/**
 * A score step: `(1 - w) z(logit) + w z(first stage)` over the window, then softmax again.
 *
 * z of a constant list is 0; missing and non-finite scores count as the list's minimum; when all scores are missing,
 * the step does not fuse; z-scores are clipped at ±3. A list that is not fused keeps its logits.
 *
 * @throws RangeError when the weight is not in [0, 1]. @throws ConfigurationError for an unknown option.
 */
export function fusion(options: FusionOptions = {}): (ranking: Ranking, shortlist: Shortlist) => Ranking {
  checkOptionNames('Cannot make the fusion', options, optionNames);
  const { weight = defaultFusionWeight, firstStages = ['lexical'] } = options;
  if (!(weight >= 0 && weight <= 1))
    throw new RangeError(`fusion: expected a weight in [0, 1], got ${weight}.`);
  return (ranking, shortlist) =>
    weight > 0 && firstStages.includes(shortlist.firstStage) ? fuse(ranking, shortlist, weight) : ranking;
}

/** The default steps of a reranker: fusion, at the share that its model was tuned with. */
export function defaultScoreSteps({ fusionWeight }: RerankerInfo): readonly ScoreStep[] {
  return [fusion({ weight: fusionWeight })];
}

function fuse(ranking: Ranking, shortlist: Shortlist, weight: number): Ranking {
  const firstStage = zScores(
    ranking.candidates.map(({ index }) => shortlist.candidates[index]?.firstStageScore ?? Number.NaN),
  );
  if (!firstStage) return ranking;
  const model = zScores(ranking.candidates.map(({ logit }) => logit)) ?? firstStage;
  const fused = ranking.candidates.map((candidate, i) => ({
    ...candidate,
    logit: (1 - weight) * model[i]! + weight * firstStage[i]!,
  }));
  return toRanking(fused, ranking.usage);
}

/** Clipped z-scores; undefined when no value is finite. Absurd values (beyond 1e30) count as non-finite. */
export function zScores(values: readonly number[]): number[] | undefined {
  const finite = values.filter((value) => Number.isFinite(value) && Math.abs(value) < 1e30);
  if (finite.length === 0) return undefined;
  const minimum = finite.reduce((least, value) => Math.min(least, value));
  const whole = values.map((value) => (Number.isFinite(value) && Math.abs(value) < 1e30 ? value : minimum));
  const mean = whole.reduce((sum, value) => sum + value, 0) / whole.length;
  const variance = whole.reduce((sum, value) => sum + (value - mean) ** 2, 0) / whole.length;
  const deviation = Math.sqrt(variance);
  // A spread that comes from rounding alone counts as none.
  if (deviation <= 1e-12 * Math.max(1, Math.abs(mean))) return whole.map(() => 0);
  return whole.map((value) => Math.max(-maxZ, Math.min(maxZ, (value - mean) / deviation)));
}
