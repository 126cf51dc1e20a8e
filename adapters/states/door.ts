/** The part of building states that users of either server see. */
export type { StateForm, StateMaker } from '../../engine/index.ts';
export { type BuildReport, buildStates } from './build.ts';
export type { StateNames } from './contract.ts';
export type { BuildCounts } from './counts.ts';
export { dropStates } from './drop.ts';
export { stateIngest } from './ingest.ts';
export type {
  IngestAction,
  IngestedBulk,
  IngestedDocument,
  IngestedState,
  IngestedStream,
  IngestOptions,
  IngestTarget,
  StateIngest,
} from './ingest-contract.ts';
export { defaultGeneration, defaultStateField, encodingOf, sidecarIndex } from './names.ts';
export type { PatienceOptions } from './patience.ts';
export type { BuildOptions, HeartbeatOptions } from './round.ts';
export {
  type SampleOptions,
  type StateSizes,
  sampleTexts,
  stateSizes,
  type TextSample,
} from './sample.ts';
export { defaultPageDocuments, type PageOptions } from './scan.ts';
export { stateCalls } from './state-calls.ts';
export { type StateSurvey, type SurveyOptions, surveyStates } from './survey.ts';
export type { StatePlace, StateTargetOptions } from './target.ts';
export { type WatchOptions, type WatchRound, watchStates } from './watch.ts';
export type { AwayListener } from './watched-calls.ts';
