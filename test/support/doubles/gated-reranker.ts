/** A reranker whose calls wait until the test opens their gates. */
import { type FakeReranker, fakeReranker } from '../../../plugin/testing/index.ts';

/** See the file's header. */
export interface GatedReranker {
  readonly reranker: FakeReranker;
  /** One function for each call, in order: lets the call go on. */
  readonly gates: readonly (() => void)[];
  /** Resolves once this many calls have arrived. */
  waitFor(count: number): Promise<void>;
}

/** Opens a gated reranker. */
export function gatedReranker(): GatedReranker {
  const gates: (() => void)[] = [];
  const reranker = fakeReranker({ fault: () => new Promise<void>((resolve) => gates.push(resolve)) });
  return {
    reranker,
    gates,
    async waitFor(count) {
      while (gates.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
    },
  };
}
