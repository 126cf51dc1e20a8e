/** The door for serving. */
export type * from './contract.ts';
export * from './errors.ts';
