/** Installing a reranking service in OpenSearch. */
export { adviceOn, openSearchAdvice } from './advice.ts';
export { answerTimeoutMs } from './answer-time.ts';
export { type ClusterSettings, trustedPattern } from './cluster-settings.ts';
export type { BackingIndex, IndexState } from './indices.ts';
export * from './options.ts';
export { type OpenSearchPlanOptions, planOpenSearchInstall } from './plan.ts';
export { type Probe, type ProbeOptions, probeReranking } from './probe.ts';
export {
  type FoundEntry,
  type OpenSearchState,
  type Pipeline,
  type ReadOptions,
  readOpenSearchState,
} from './state.ts';
export { type PipelineCounts, readPipelineCounts } from './statistics.ts';
export { type OpenSearchStatus, openSearchStatus, type PartStatus } from './status.ts';
export {
  type ModelTrialOptions,
  type Trial,
  type TrialHit,
  type TrialOptions,
  tryModel,
  trySearch,
} from './trial.ts';
export { type OpenSearchUninstallOptions, planOpenSearchUninstall } from './uninstall.ts';
