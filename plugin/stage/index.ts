/** The door of the rescoring stage. */
export type { BreakerOptions, BreakerState } from '../guard/breaker.ts';
export type { Phase } from '../guard/budget.ts';
export type * from './events.ts';
export { openTelemetryStageTracing } from './open-telemetry.ts';
export type { OnFailure, RescoringStageOptions, StageAdapter, StageCacheOptions } from './options.ts';
export { prometheusStageMetrics, type StageMetricsOptions } from './prometheus.ts';
export { StageClosedError } from './ranker.ts';
export type {
  StageCallOptions,
  StageRequestOptions,
  StageSearchManyOptions,
  StageSearchOptions,
  StageWish,
} from './search-options.ts';
export type { SecondSearchOptions } from './second-search-options.ts';
export { type RescoringStage, rescoringStage } from './stage.ts';
export { type OwnedStage, type SwitchableStage, switchableStage } from './switchable-stage.ts';
