/** The door for users' tests. */
export { type FakeReranker, type FakeRerankerOptions, fakeReranker } from './fake-reranker.ts';
export { type RerankerSuiteOptions, rerankerSuite } from './reranker-suite.ts';
export type { TestRunner } from './test-runner.ts';
