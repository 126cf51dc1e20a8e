/** The door for evaluating and tuning; serving code never opens it. */

export type { BlockCaps } from './blocks/caps.ts';
export * from './evaluation/auc.ts';
export * from './evaluation/budgets.ts';
export * from './evaluation/chart.ts';
export * from './evaluation/collection.ts';
export * from './evaluation/deferral.ts';
export * from './evaluation/deferral-chart.ts';
export * from './evaluation/evaluate-collection.ts';
export * from './evaluation/layer-products.ts';
export * from './evaluation/length-bias.ts';
export * from './evaluation/measure-reranker.ts';
export * from './evaluation/measures.ts';
export * from './evaluation/pareto.ts';
export * from './evaluation/pareto-chart.ts';
export * from './evaluation/random.ts';
export * from './evaluation/reliability.ts';
export * from './evaluation/report.ts';
export * from './evaluation/significance.ts';
export * from './evaluation/state-forms.ts';
export * from './evaluation/systems.ts';
export * from './evaluation/trec.ts';
export * from './evaluation/variety.ts';
export type { AxisLengths } from './graph/live-bytes.ts';
export * from './hierarchy/learning/batch-loss.ts';
export * from './hierarchy/learning/data.ts';
export * from './hierarchy/learning/encoder-pair.ts';
export * from './hierarchy/learning/matches.ts';
export { measurePair, products } from './hierarchy/learning/measure-pair.ts';
export * from './hierarchy/learning/recall-by-distance.ts';
export * from './hierarchy/learning/recall-report.ts';
export * from './hierarchy/learning/retriever-recall.ts';
export * from './hierarchy/learning/settings.ts';
export * from './hierarchy/learning/stage-loss.ts';
export * from './hierarchy/learning/taxonomy.ts';
export * from './hierarchy/learning/train-hierarchy.ts';
export * from './hierarchy/learning/train-stage.ts';
export { saveHierarchy } from './hierarchy/towers/folder.ts';
export { changeManifest } from './model/change-manifest.ts';
export { type DecoderManifestFile, decoderManifest } from './model/decoder-folder.ts';
export {
  type DecoderCaps,
  type DecoderManifest,
  type IcrScoring,
  type LayerRange,
  type SignalScoring,
  toDecoderManifestJson,
} from './model/decoder-manifest.ts';
export type { DepthManifest, DroppingManifest, ModelManifest } from './model/manifest.ts';
export { type JudgedQuery, precedentQueryIds, type RelevantDocument } from './model/precedents-file.ts';
export type { EncoderConfig, LayerSizes } from './network/encoder-config.ts';
export type { LoopBlocks } from './network/loops.ts';
export type { TokenForm } from './network/readout/readout-feeds.ts';
export type { ResidualForm, ResidualKind } from './network/residuals.ts';
export type { HeadSizes, ListLayer, Projection, ReadoutHeads } from './readout/heads.ts';
export type { Precedent, PrecedentKernel, Precedents, WeighedPrecedents } from './readout/precedents.ts';
export type { CrfList, CrfWeights } from './scores/continuous-crf.ts';
export type { Likeness } from './scores/diversity.ts';
export { neighbourEdges } from './scores/neighbour-edges.ts';
export * from './training/calibration.ts';
export * from './training/curation/bigram-loss.ts';
export * from './training/curation/curate.ts';
export * from './training/curation/diversify.ts';
export * from './training/curation/embedding-quality.ts';
export * from './training/curation/fold-duplicates.ts';
export * from './training/curation/reference-embeddings.ts';
export * from './training/data/batches.ts';
export type { DroppedCounts } from './training/data/candidates.ts';
export * from './training/data/development-lists.ts';
export * from './training/data/split.ts';
export {
  type DrawnLists,
  type DrawOptions,
  type DrawReport,
  drawLists,
  type LeftOut,
} from './training/data/training-lists.ts';
export * from './training/data/training-source.ts';
export * from './training/fit/costs.ts';
export * from './training/fit/cross-validate.ts';
export * from './training/fit/fit-list.ts';
export { type FitOptions, fitReadout } from './training/fit/fit-readout.ts';
export * from './training/fit/fit-report.ts';
export * from './training/fit/fit-settings.ts';
export type { EpochReport, FitChoice, FittedReadout } from './training/fit/fitted.ts';
export * from './training/fusion-weight.ts';
export * from './training/judged-lists.ts';
export * from './training/label-aggregation.ts';
export * from './training/label-files.ts';
export * from './training/label-fusion.ts';
export * from './training/label-report.ts';
export * from './training/label-table.ts';
export * from './training/logistic.ts';
export * from './training/loops/alias-chain.ts';
export { type ChainTraineeOptions, chainLists, chainTrainee } from './training/loops/chain-trainee.ts';
export * from './training/losses/create-losses.ts';
export type { DivergenceOptions, ListNetOptions } from './training/losses/distributions.ts';
export type { InfoNceOptions } from './training/losses/info-nce.ts';
export type { LambdaLossOptions } from './training/losses/lambda-loss.ts';
export type { Hidden } from './training/losses/list-loss.ts';
export * from './training/losses/loop-regularisation.ts';
export * from './training/losses/losses-recipe.ts';
export type { MarginMseOptions, RankNetOptions } from './training/losses/pairs.ts';
export * from './training/measure-fused.ts';
export * from './training/optimisers/clipping.ts';
export * from './training/optimisers/create-optimiser.ts';
export * from './training/optimisers/optimiser.ts';
export * from './training/optimisers/schedule.ts';
export * from './training/optimisers/settings.ts';
export type { DecoderSettings } from './training/recipe/decoder-kind.ts';
export * from './training/recipe/digests.ts';
export type { EncoderLayersSettings } from './training/recipe/encoder-layers-kind.ts';
export type { InContextSettings } from './training/recipe/in-context-kind.ts';
export * from './training/recipe/places.ts';
export type { ReadoutSettings } from './training/recipe/readout-kind.ts';
export * from './training/recipe/recipe.ts';
export * from './training/recipe/recipe-teacher.ts';
export type { ResidualSettings } from './training/recipe/residual-kind.ts';
export type { TraineeContext } from './training/recipe/trainee-kind.ts';
export * from './training/recipe/trainee-kinds.ts';
export * from './training/relevance-fit.ts';
export * from './training/router/cross-validate-routers.ts';
export * from './training/router/fit-router.ts';
export { type FittedMap, fitLearnedMap, type LearnedMapOptions } from './training/router/learned-map.ts';
export { type QueryClustersOptions, queryClusters } from './training/router/query-clusters.ts';
export * from './training/select-heads.ts';
export * from './training/settings.ts';
export * from './training/smoothing-fit.ts';
export type { ScoredList, ScoringOptions } from './training/teachers/score-list.ts';
export * from './training/teachers/score-run.ts';
export * from './training/teachers/score-store.ts';
export * from './training/teachers/with-teacher.ts';
export type {
  DecoderProjection,
  DecoderTraineeOptions,
  LowRankOptions,
} from './training/trainees/decoder/decoder-model.ts';
export { decoderTrainee } from './training/trainees/decoder/decoder-trainee.ts';
export { type EncoderLayersOptions, encoderLayersTrainee } from './training/trainees/encoder-layers.ts';
export { type InContextOptions, inContextTrainee } from './training/trainees/in-context.ts';
export type { ListStates } from './training/trainees/readout/list-states.ts';
export {
  type FoldedModel,
  foldResidual,
  type ResidualFoldOptions,
} from './training/trainees/residual/fold-residual.ts';
export {
  type ResidualTrainee,
  type ResidualTraineeOptions,
  residualTrainee,
} from './training/trainees/residual/residual-trainee.ts';
export {
  type CurvePoint,
  type DevelopmentPoint,
  readCurve,
  type StepPoint,
} from './training/trainer/curve.ts';
export type { RunPlaces } from './training/trainer/list-runs.ts';
export { type RunFacts, type RunIdentity, readFacts, runFiles } from './training/trainer/run-folder.ts';
export * from './training/trainer/settings.ts';
export * from './training/trainer/train.ts';
export * from './training/trainer/train-options.ts';
export * from './training/trainer/trainee.ts';
export * from './training/trainer/training-list.ts';
export * from './training/trainer/training-result.ts';
export * from './training/tune.ts';
export { fileDigest } from './weights/file-digest.ts';
