/** The door for evaluating and tuning; serving code never opens it. */
export * from './evaluation/auc.ts';
export * from './evaluation/chart.ts';
export * from './evaluation/collection.ts';
export * from './evaluation/evaluate-collection.ts';
export * from './evaluation/length-bias.ts';
export * from './evaluation/measures.ts';
export * from './evaluation/random.ts';
export * from './evaluation/report.ts';
export * from './evaluation/significance.ts';
export * from './evaluation/state-forms.ts';
export * from './evaluation/systems.ts';
export * from './evaluation/trec.ts';
export { type DecoderManifestFile, decoderManifest } from './model/decoder-folder.ts';
export {
  type DecoderCaps,
  type DecoderManifest,
  type IcrScoring,
  type LayerRange,
  type SignalScoring,
  toDecoderManifestJson,
} from './model/decoder-manifest.ts';
export * from './training/calibration.ts';
export * from './training/judged-lists.ts';
export * from './training/label-aggregation.ts';
export * from './training/label-files.ts';
export * from './training/label-fusion.ts';
export * from './training/label-report.ts';
export * from './training/label-table.ts';
export * from './training/optimisers/clipping.ts';
export * from './training/optimisers/create-optimiser.ts';
export * from './training/optimisers/optimiser.ts';
export * from './training/optimisers/schedule.ts';
export * from './training/optimisers/settings.ts';
export * from './training/select-heads.ts';
export * from './training/settings.ts';
export type { TrainedTensor, TrainedTensors } from './training/trainer/trainee.ts';
export * from './training/tune.ts';
