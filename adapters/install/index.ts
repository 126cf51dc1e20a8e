/** What both servers' installations have in common. */
export * from './differences.ts';
export * from './digest.ts';
export * from './plan.ts';
export * from './run-plan.ts';
export * from './sample.ts';
export * from './server-calls.ts';
export * from './service-address.ts';
