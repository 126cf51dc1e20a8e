/** The door for what Elasticsearch and OpenSearch share: calls to a cluster, installing, and block states in the index. */
export type { StateForm, StateMaker } from '../engine/index.ts';
export type { CallOptions } from './cluster/contract.ts';
export type { Mark } from './cluster/digest.ts';
export { toFirstStageError } from './cluster/errors.ts';
export { isObject, type JsonObject } from './cluster/json.ts';
export { stateCalls } from './cluster/line-calls.ts';
export type { PatienceOptions } from './cluster/patience.ts';
export {
  type Refusal,
  type ServerAnswer,
  type ServerCallOptions,
  type ServerCalls,
  type ServerCallsOptions,
  type ServerRequest,
  serverCalls,
  type TransportOwner,
} from './cluster/server-calls.ts';
export type { AwayListener } from './cluster/watched-calls.ts';
export {
  type InstallPlan,
  type PassingRefusal,
  type PlannedPart,
  type PlanStep,
  requestLine,
  type ToleratedRefusal,
  type Wait,
  withoutSecrets,
} from './install/plan.ts';
export { type RunOptions, runPlan } from './install/run-plan.ts';
export { type BuildReport, buildStates } from './states/build/build.ts';
export type { BuildCounts } from './states/build/counts.ts';
export { dropStates } from './states/build/drop.ts';
export type { BuildOptions, HeartbeatOptions } from './states/build/one-build.ts';
export {
  type SampleOptions,
  type StateSizes,
  sampleTexts,
  stateSizes,
  type TextSample,
} from './states/build/sample.ts';
export { defaultPageDocuments, type PageOptions } from './states/build/scan.ts';
export { type StateSurvey, type SurveyOptions, surveyStates } from './states/build/survey.ts';
export { type WatchedBuild, type WatchOptions, watchStates } from './states/build/watch.ts';
export type {
  IngestAction,
  IngestedBulk,
  IngestedDocument,
  IngestedState,
  IngestedStream,
  IngestOptions,
  IngestTarget,
  StateIngest,
} from './states/ingest/contract.ts';
export { stateIngest } from './states/ingest/ingest.ts';
export type { StateTargetOptions } from './states/place/target.ts';
export {
  defaultGeneration,
  defaultStateField,
  encodingOf,
  type StateNames,
  sidecarIndex,
} from './stored-states/names.ts';
export type { StatePlace, StoredStates } from './stored-states/places.ts';
