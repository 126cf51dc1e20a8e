/** The door for serving. */
export type * from './contract.ts';
export * from './errors.ts';
export { defaultCacheFolder } from './model/cache-folder.ts';
export type { Precision } from './network/encoder.ts';
export type { Calibration, QueryState, ReadoutParameters } from './readout/parameters.ts';
export { BlockRankReranker, type EncodedShortlist } from './rerank/blockrank-reranker.ts';
export { openReranker, type RerankerOptions } from './rerank/open-reranker.ts';
export { defaultFusionWeight, type FusionOptions, fusion } from './scores/fusion.ts';
export { type LmdbSource, type LmdbSourceOptions, lmdbSource } from './states/lmdb-source.ts';
export { type MemorySourceOptions, memorySource } from './states/memory-source.ts';
