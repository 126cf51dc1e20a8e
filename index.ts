/** The package's main door: the engine, the stage, and the adapters' contract. */
export type * from './adapters/adapter.ts';
export * from './engine/index.ts';
export * from './plugin/stage/index.ts';
