/** The door for serving. */
export type * from './contract.ts';
export * from './errors.ts';
export { type FusionOptions, defaultFusionWeight, fusion } from './scores/fusion.ts';
export { type MemorySourceOptions, memorySource } from './states/memory-source.ts';
