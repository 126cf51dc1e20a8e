/** The part of installing that users of either server see. */
export type { Mark } from './digest.ts';
export {
  type Plan,
  type PlannedPart,
  type PlanStep,
  requestLine,
  type ToleratedRefusal,
  type Wait,
  withoutSecrets,
} from './plan.ts';
export { type RunOptions, runPlan } from './run-plan.ts';
export {
  type CallOptions,
  type Refusal,
  type ServerAnswer,
  type ServerCalls,
  type ServerCallsOptions,
  type ServerRequest,
  serverCalls,
  type TransportOwner,
} from './server-calls.ts';
