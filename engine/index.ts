/** The door for serving. */
export { abortable, onAbort } from './abortable.ts';
export { defaultCacheFolder } from './cache-folder.ts';
export { type CascadeOptions, cascadeReranker, defaultCascadeFirst } from './compose/cascade.ts';
export { type FailoverEvent, type FailoverOptions, failoverReranker } from './compose/failover.ts';
export { fieldsReranker } from './compose/fields-reranker.ts';
export { firstStageReranker } from './compose/first-stage.ts';
export { type DuplicateOptions, duplicateIssues, foldedReranker } from './compose/folded-duplicates.ts';
export { type RouterChoice, type RouterOptions, routerReranker } from './compose/router.ts';
export { type ShadowComparison, type ShadowOptions, shadowReranker } from './compose/shadow.ts';
export { applySteps, type StepsCall, steppedReranker } from './compose/stepped.ts';
export { wrapped } from './compose/wrapped.ts';
export type * from './contract.ts';
export { decodeText } from './decode-text.ts';
export { type EmbedderOptions, openEmbedder } from './embedding/embedder.ts';
export * from './errors.ts';
export { hierarchyMaker } from './hierarchy/towers/document-maker.ts';
export { openHierarchy } from './hierarchy/towers/folder.ts';
export { Hierarchy, type HierarchyParts, type NearDocument } from './hierarchy/towers/hierarchy.ts';
export type { NamedText, Tower, TowerForm, TowerTable } from './hierarchy/towers/tower.ts';
export { longestTimerMs } from './longest-timer.ts';
export { type ModelFamily, modelFamily } from './model/family.ts';
export { type DepthReport, inspectModel, type ModelReport } from './model/inspect.ts';
export { modelProfile } from './model/profile.ts';
export { type PullOptions, pullModel } from './model/pull.ts';
export { isResidualPath } from './model/residual-file.ts';
export type { Precision } from './network/encoder-builder.ts';
export { checkOptionNames, type OptionNames, unknownName, unknownOptions } from './option-names.ts';
export { passagesByField } from './passages/by-field.ts';
export {
  defaultPassagesPerHit,
  defaultPassageTokens,
  type ExplainedDocument,
  type Passage,
  type PassageOptions,
  passageIssues,
  toPassages,
} from './passages/passages.ts';
export type { Stretch } from './passages/sentences.ts';
export type { Calibration, QueryState, ReadoutParameters } from './readout/parameters.ts';
export type { RemoteApi } from './remote/remote-api.ts';
export { deadlineHeader } from './remote/remote-call.ts';
export type { RemoteRerankerOptions } from './remote/remote-options.ts';
export { remoteReranker } from './remote/remote-reranker.ts';
export { DecoderReranker } from './rerank/decoder/decoder-reranker.ts';
export type { HeadScores } from './rerank/decoder/decoder-tasks.ts';
export { openDecoderReranker } from './rerank/decoder/open-decoder-reranker.ts';
export type { DroppingOptions } from './rerank/encoder/dropping.ts';
export { type EncodedShortlist, EncoderReranker } from './rerank/encoder/encoder-reranker.ts';
export { InContextEncoderReranker } from './rerank/encoder/in-context-reranker.ts';
export { openEncoderReranker } from './rerank/encoder/open-encoder-reranker.ts';
export { type StateForm, type StateMaker, stateMaker } from './rerank/encoder/state-maker.ts';
export type { StoppingOptions } from './rerank/encoder/stopping.ts';
export type { TokenSums } from './rerank/encoder/token-products.ts';
export { openReranker } from './rerank/open-reranker.ts';
export type { RerankerOptions } from './rerank/reranker-options.ts';
export {
  type DiversityOptions,
  diversity,
  diversityIssues,
} from './scores/diversity.ts';
export { defaultFusionWeight, defaultScoreSteps, type FusionOptions, fusion } from './scores/fusion.ts';
export {
  type FusionFeatureName,
  type FusionFeatures,
  fusionFeatureNames,
  fusionFeatures,
} from './scores/fusion-features.ts';
export { type OrderLimitOptions, orderLimitIssues, orderLimits } from './scores/order-limits.ts';
export { type OrderStepsOptions, orderStepFields, orderSteps } from './scores/order-steps.ts';
export { rankingInOrder } from './scores/ranking.ts';
export { rankingFault } from './scores/ranking-fault.ts';
export {
  type HitFeatures,
  hitFeatureNames,
  type ListFeatures,
  type LogisticRule,
  listFeatureNames,
  type RelevanceRules,
} from './scores/relevance.ts';
export {
  type ClusterMap,
  expectedLosses,
  lambdaForBudget,
  type MeasuredEntry,
  type RoutingEntry,
  routingTable,
} from './scores/routing.ts';
export { type SignalFunction, type SignalOptions, signalIssues } from './scores/signal-options.ts';
export { type SignalContext, signals } from './scores/signals.ts';
export { type SmoothingOptions, smoothing, smoothingIssues } from './scores/smoothing.ts';
export { isReadToEnd } from './scores/unread.ts';
export type { CudaLibraries } from './session/cuda-libraries.ts';
export {
  type PlacedFile,
  type PlacedProvider,
  type PlaceOptions,
  placeCudaProvider,
  type RuntimePlace,
  runtimePlace,
} from './session/cuda-provider.ts';
export type { Device } from './session/device.ts';
export { type DeviceReport, examineDevice } from './session/diagnosis.ts';
export { float32Products } from './session/float32-products.ts';
export type { GraphicsCard } from './session/graphics-cards.ts';
export { openWorkerPool, type WorkerPool, type WorkerPoolOptions } from './session/pool.ts';
export type { ExecutionProvider } from './session/runtime.ts';
export { type DecodedState, decodeState, encodeState, type StateFault } from './states/codec.ts';
export type { Pruning, PruningRule } from './states/codec-pruning.ts';
export type { StatePrecision } from './states/codec-rows.ts';
export { layeredSource } from './states/layered-source.ts';
export { type LmdbSourceOptions, lmdbSource } from './states/lmdb-source.ts';
export { type MemorySourceOptions, memorySource } from './states/memory-source.ts';
export {
  type RedisClient,
  type RedisPipeline,
  type RedisSourceOptions,
  redisSource,
} from './states/redis-source.ts';
export { type StateCodec, stateCodec } from './states/state-codec.ts';
export type { CountedStateSource, StateCounts } from './states/state-counts.ts';
export { textDigest } from './text-digest.ts';
