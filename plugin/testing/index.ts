/** The door for users' tests. */
export {
  type SuiteDocument,
  type SuitePoint,
  suiteDocuments,
  suiteQuery,
  suiteSignals,
} from './adapter-documents.ts';
export type { SuiteExcludes, SuiteHit, SuiteSubject, SuiteWish } from './adapter-subject.ts';
export { type AdapterSuiteOptions, adapterSuite } from './adapter-suite.ts';
export { type FakeReranker, type FakeRerankerOptions, fakeReranker } from './fake-reranker.ts';
export { type RerankerSuiteOptions, rerankerSuite } from './reranker-suite.ts';
export {
  type StateSourceSubject,
  type StateSourceSuiteOptions,
  stateDamageTests,
  stateSourceSuite,
} from './state-source-suite.ts';
export {
  type StoredStatesSubject,
  type StoredStatesSuiteOptions,
  storedStatesSuite,
} from './stored-states-suite.ts';
export type { SuiteSkip, TestRunner } from './test-runner.ts';
