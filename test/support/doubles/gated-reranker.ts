/** A reranker whose calls wait until they are let go. */
import { type FakeReranker, fakeReranker } from '../../../plugin/testing/index.ts';

/** See the file's header. */
export interface GatedReranker {
  readonly reranker: FakeReranker;
  /** One a call, in order: lets it go. */
  readonly gates: readonly (() => void)[];
  /** Resolves once this many calls have come. */
  waitFor(count: number): Promise<void>;
}

/** Opens one. */
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
