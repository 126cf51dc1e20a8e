/** The part of installing that users of either server see. */
export type { Mark } from '../cluster/digest.ts';
export {
  type CallOptions,
  type Refusal,
  type ServerAnswer,
  type ServerCalls,
  type ServerCallsOptions,
  type ServerRequest,
  serverCalls,
  type TransportOwner,
} from '../cluster/server-calls.ts';
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
