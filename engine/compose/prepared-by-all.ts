/** Encoding documents ahead for several rerankers. */
import type { PreparableDocument, Preparation, Reranker } from '../contract.ts';

/**
 * {@link Reranker.prepare} of every reranker that has it, one after another; `undefined` where none has it. Counts are
 * summed: states, of which a document has one a reranker; ids of cut documents come once.
 */
export function preparedByAll(rerankers: readonly Reranker[]): Reranker['prepare'] | undefined {
  const able = rerankers.filter(({ prepare }) => prepare !== undefined);
  if (able.length === 0) return undefined;
  return async (documents, options) => {
    const done: Preparation[] = [];
    for (const reranker of able) done.push(await reranker.prepare!(documents, options));
    return sumOf(documents, done);
  };
}

function sumOf(documents: readonly PreparableDocument[], done: readonly Preparation[]): Preparation {
  const cut = new Set(done.flatMap(({ truncated }) => truncated));
  const total = (count: (one: Preparation) => number): number =>
    done.reduce((sum, one) => sum + count(one), 0);
  return {
    statesFound: total(({ statesFound }) => statesFound),
    statesEncoded: total(({ statesEncoded }) => statesEncoded),
    truncated: documents.map(({ docId }) => docId).filter((docId) => cut.has(docId)),
  };
}
