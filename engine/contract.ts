/**
 * The contract between the engine, the adapters and the stage, a file a part. Types that belong to one of the three live
 * with it.
 */
export type * from './contract/embedder.ts';
export type * from './contract/ranking.ts';
export type * from './contract/reranker.ts';
export type * from './contract/score-step.ts';
export type * from './contract/shortlist.ts';
export type * from './contract/states.ts';
