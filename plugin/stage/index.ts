/** The door of the rescoring stage. */
export type { BreakerOptions } from '../guard/breaker.ts';
export type { Phase } from '../guard/budget.ts';
export type * from './events.ts';
export { openTelemetryStageTracing } from './open-telemetry.ts';
export type { OnFailure, RescoringStageOptions, StageCacheOptions } from './options.ts';
export { prometheusStageMetrics, type StageMetricsOptions } from './prometheus.ts';
export { StageClosedError } from './ranker.ts';
export type {
  StageCallOptions,
  StageRequestOptions,
  StageSearchManyOptions,
  StageSearchOptions,
} from './search-options.ts';
export { type RescoringStage, rescoringStage } from './stage.ts';
export { type OwnedStage, type SwitchableStage, switchableStage } from './switchable-stage.ts';
