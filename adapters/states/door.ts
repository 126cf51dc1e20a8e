/** The part of building states that users of either server see. */
export type { StateForm, StateMaker } from '../../engine/index.ts';
export { stateCalls } from '../cluster/line-calls.ts';
export type { PatienceOptions } from '../cluster/patience.ts';
export type { AwayListener } from '../cluster/watched-calls.ts';
export { defaultGeneration, defaultStateField, encodingOf, sidecarIndex } from '../stored-states/names.ts';
export { type BuildReport, buildStates } from './build/build.ts';
export type { BuildCounts } from './build/counts.ts';
export { dropStates } from './build/drop.ts';
export type { BuildOptions, HeartbeatOptions } from './build/round.ts';
export {
  type SampleOptions,
  type StateSizes,
  sampleTexts,
  stateSizes,
  type TextSample,
} from './build/sample.ts';
export { defaultPageDocuments, type PageOptions } from './build/scan.ts';
export { type StateSurvey, type SurveyOptions, surveyStates } from './build/survey.ts';
export { type WatchOptions, type WatchRound, watchStates } from './build/watch.ts';
export type {
  IngestAction,
  IngestedBulk,
  IngestedDocument,
  IngestedState,
  IngestedStream,
  IngestOptions,
  IngestTarget,
  StateIngest,
} from './ingest/contract.ts';
export { stateIngest } from './ingest/ingest.ts';
export type { StateNames } from './place/contract.ts';
export type { StatePlace, StateTargetOptions } from './place/target.ts';
