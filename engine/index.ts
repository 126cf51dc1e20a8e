/** The door for serving. */
export type * from './contract.ts';
export * from './errors.ts';
export { defaultCacheFolder } from './model/cache-folder.ts';
export { modelFamily } from './model/family.ts';
export { inspectModel, type ModelReport } from './model/inspect.ts';
export { type PullOptions, pullModel } from './model/pull.ts';
export type { Precision } from './network/encoder.ts';
export type { Calibration, QueryState, ReadoutParameters } from './readout/parameters.ts';
export { BlockRankReranker, type EncodedShortlist } from './rerank/blockrank-reranker.ts';
export { type HeadScores, InContextReranker } from './rerank/in-context-reranker.ts';
export { openDecoderReranker } from './rerank/open-decoder-reranker.ts';
export { openEncoderReranker } from './rerank/open-encoder-reranker.ts';
export { openReranker } from './rerank/open-reranker.ts';
export type { RerankerOptions } from './rerank/reranker-options.ts';
export { defaultFusionWeight, type FusionOptions, fusion } from './scores/fusion.ts';
export type { Device } from './session/device.ts';
export { type LmdbSource, type LmdbSourceOptions, lmdbSource } from './states/lmdb-source.ts';
export { type MemorySourceOptions, memorySource } from './states/memory-source.ts';
