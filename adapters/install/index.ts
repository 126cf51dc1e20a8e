/** What both servers' installations have in common. */

export * from '../cluster/digest.ts';
export * from '../cluster/server-calls.ts';
export * from './differences.ts';
export * from './plan.ts';
export * from './run-plan.ts';
export * from './sample.ts';
export * from './service-address.ts';
