/** Measures whether an order prefers long documents, and whether long documents are the relevant ones. */
import { type Collection, documentText } from './collection.ts';
import { mean } from './measures.ts';
import type { Run } from './trec.ts';

/** Characters of the documents that a system puts first, as a multiple of those of the whole list. */
export interface LengthBias {
  /** By system: mean over queries; 1 is no preference. */
  readonly systems: Readonly<Record<string, number>>;
  /** The same ratio for the list's relevant documents; an order without a bias comes near it. */
  readonly relevant: number;
}

/**
 * Mean length of the first `cutoff` documents over the mean length of the list, for each system; queries whose list
 * has no relevant document, or nothing else, are left out.
 */
export function lengthBias(
  runs: ReadonlyMap<string, Run>,
  collection: Pick<Collection, 'documents' | 'qrels'>,
  cutoff = 10,
): LengthBias {
  const { documents, qrels } = collection;
  const lengthOf = (docId: string): number => {
    const document = documents.get(docId);
    return document ? documentText(document).length : 0;
  };
  const relative = (part: readonly string[], whole: readonly string[]): number =>
    mean(part.map(lengthOf)) / Math.max(1, mean(whole.map(lengthOf)));
  const lists = (run: Run): { ranked: string[]; relevant: string[] }[] =>
    [...run].flatMap(([queryId, entries]) => {
      const ranked = entries.map(({ docId }) => docId);
      const relevant = ranked.filter((docId) => (qrels.get(queryId)?.get(docId) ?? 0) > 0);
      return relevant.length > 0 && relevant.length < ranked.length ? [{ ranked, relevant }] : [];
    });
  const systems = [...runs].map(([name, run]) => [
    name,
    mean(lists(run).map(({ ranked }) => relative(ranked.slice(0, cutoff), ranked))),
  ]);
  const first = runs.values().next().value ?? new Map();
  return {
    systems: Object.fromEntries(systems),
    relevant: mean(lists(first).map(({ ranked, relevant }) => relative(relevant, ranked))),
  };
}
